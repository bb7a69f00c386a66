// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {KeyService} from "../../src/apps/KeyService.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IKeyService} from "../../src/interfaces/IKeyService.sol";
import {Announcements} from "../../src/libraries/Announcements.sol";
import {vm} from "../Vm.sol";
import {change} from "../stages/Economy.sol";
import {Network} from "../stages/Network.sol";

contract KeyServiceTest is Network {
    KeyService private service;
    bytes32 private lease;
    /// Of the consent that is asked for next, where the call is expected to revert.
    bytes private consent;
    uint256 private expiry;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market);
        register();
        attest();
        lease = openLease(address(usdc), 1, 1_000_000, 1);
    }

    function test_anybody_seats_an_instance_that_runs_the_manifest_on_a_covered_worker() public {
        consent = consentOf(0, lease);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.WrongManifest.selector, keccak256("manifest"), 0));
        service.take(0, lease, expiry, consent);
        approve();
        consent = consentOf(0, keccak256("none"));
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseNotOpen.selector, keccak256("none")));
        service.take(0, keccak256("none"), expiry, consent);
        take(0, lease);
        IKeyService.Seat[3] memory seats = service.seats();
        vm.assertEq(seats[0].lease, lease);
        vm.assertEq(seats[0].worker, worker);
        vm.assertEq(seats[0].provider, provider);
        consent = consentOf(0, lease);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.SeatTaken.selector, 0, lease));
        service.take(0, lease, expiry, consent);
        consent = consentOf(3, lease);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.NoSuchSeat.selector, 3));
        service.take(3, lease, expiry, consent);
    }

    function test_three_seats_are_of_three_providers() public {
        approve();
        take(0, lease);
        bytes32 second = openLease(address(usdc), 1, 1_000_000, 2);
        consent = consentOf(1, second);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.ProviderHasAnotherSeat.selector, provider, 0));
        service.take(1, second, expiry, consent);
        // In the seat it has already it may follow itself.
        vm.prank(tenant);
        market.close(lease, tenant);
        take(0, second);
        // Nor in another one once it has left: what its machines kept would add up.
        vm.prank(tenant);
        market.close(second, tenant);
        second = openLease(address(usdc), 1, 1_000_000, 3);
        consent = consentOf(1, second);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.ProviderHasAnotherSeat.selector, provider, 0));
        service.take(1, second, expiry, consent);
        take(0, second);
    }

    function test_a_worker_that_is_not_covered_is_not_seated_and_loses_its_seat_after_a_while() public {
        approve();
        take(0, lease);
        vm.expectRevert(
            abi.encodeWithSelector(IKeyService.WorkerCovered.selector, worker, block.timestamp + 1 hours)
        );
        service.reportAbsence(0);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(stranger);
        service.reportAbsence(0);
        vm.assertTrue(!service.isFree(0), "it was reported just now");
        vm.warp(block.timestamp + 30 minutes);
        service.reportAbsence(0);
        vm.warp(block.timestamp + 30 minutes);
        vm.assertTrue(service.isFree(0));
        (,, uint256 until) = workers.billing(worker);
        consent = consentOf(0, lease);
        vm.expectRevert(abi.encodeWithSelector(Errors.WorkerNotCovered.selector, worker, until));
        service.take(0, lease, expiry, consent);
        attest();
        vm.assertTrue(!service.isFree(0), "it is back, and nobody was in its place");
    }

    function test_a_chain_that_stood_still_frees_no_seat_of_those_who_come_back() public {
        approve();
        take(0, lease);
        vm.warp(block.timestamp + 1 days);
        vm.assertTrue(!service.isFree(0));
        service.reportAbsence(0);
        vm.warp(block.timestamp + 50 minutes);
        attest();
        vm.warp(block.timestamp + 50 minutes);
        vm.assertTrue(!service.isFree(0));
        // A later absence begins with its own report.
        vm.warp(block.timestamp + 1 hours);
        vm.assertTrue(!service.isFree(0));
        service.reportAbsence(0);
        vm.assertTrue(!service.isFree(0));
        vm.warp(block.timestamp + 1 hours);
        vm.assertTrue(service.isFree(0));
    }

    /// An ordinary tenant of an honest worker, with leases that run nothing, or something else when it asks
    /// for consent.
    function test_a_lease_alone_takes_no_seat_and_ties_no_provider_to_one() public {
        approve();
        expiry = block.timestamp + 600;
        bytes memory own = sign(TENANT_KEY, service.consentDigest(0, lease, keccak256("manifest"), expiry));
        vm.expectRevert(abi.encodeWithSelector(IKeyService.NoConsent.selector, worker));
        service.take(0, lease, expiry, own);
        // The worker's word for another seat, another lease, or what the lease ran when it asked.
        bytes[3] memory others = [
            sign(WORKER_KEY, service.consentDigest(1, lease, keccak256("manifest"), expiry)),
            sign(WORKER_KEY, service.consentDigest(0, keccak256("another"), keccak256("manifest"), expiry)),
            sign(WORKER_KEY, service.consentDigest(0, lease, keccak256("a spy"), expiry))
        ];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IKeyService.NoConsent.selector, worker));
            service.take(0, lease, expiry, others[i]);
        }
        // Yesterday's.
        bytes memory old = consentOf(0, lease);
        vm.warp(expiry + 1);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.ConsentExpired.selector, expiry));
        service.take(0, lease, expiry, old);
        vm.assertTrue(service.isFree(0));
        // Nothing of that ties the provider to a seat.
        take(2, lease);
    }

    function test_a_lease_that_was_put_out_can_not_come_back_at_once_and_one_seat_a_week_is_freed() public {
        approve();
        take(0, lease);
        bytes32 second = openLease(address(usdc), 1, 1_000_000, 2);
        vm.prank(governance);
        service.vacate(0);
        consent = consentOf(0, lease);
        vm.expectRevert(
            abi.encodeWithSelector(IKeyService.VacatedRecently.selector, lease, block.timestamp + 1 days)
        );
        service.take(0, lease, expiry, consent);
        take(0, second);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.OneSeatAtATime.selector, block.timestamp + 7 days));
        service.vacate(0);
        vm.warp(block.timestamp + 7 days);
        vm.prank(governance);
        service.vacate(0);
        attest();
        take(0, lease);
    }

    function test_a_lease_that_ends_or_runs_something_else_has_lost_its_seat() public {
        approve();
        take(0, lease);
        vm.prank(tenant);
        market.update(lease, keccak256("a spy"));
        vm.assertTrue(service.isFree(0));
        consent = consentOf(0, lease);
        vm.expectRevert(
            abi.encodeWithSelector(
                IKeyService.WrongManifest.selector, keccak256("a spy"), keccak256("manifest")
            )
        );
        service.take(0, lease, expiry, consent);
        vm.prank(tenant);
        market.update(lease, keccak256("manifest"));
        vm.assertTrue(!service.isFree(0));
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.assertTrue(service.isFree(0));
    }

    function test_a_new_manifest_leaves_those_who_are_seated() public {
        approve();
        take(0, lease);
        change(governance, service, abi.encodeCall(KeyService.setManifest, (keccak256("version 2"))));
        vm.assertTrue(!service.isFree(0));
    }

    function test_another_manifest_is_announced_and_there_is_no_way_round_that() public {
        vm.prank(governance);
        vm.expectRevert(Errors.ZeroHash.selector);
        service.setManifest(0);
        approve();
        bytes memory call = abi.encodeCall(KeyService.setManifest, (keccak256("a spy")));
        for (uint256 i; i < 2; ++i) {
            vm.prank(governance);
            vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(call)));
            service.setManifest(keccak256("a spy"));
            // Not by way of none, after which the next would be a first.
            bytes memory none = abi.encodeCall(KeyService.setManifest, (0));
            vm.prank(governance);
            service.announce(none);
            vm.warp(block.timestamp + 22 days);
            vm.prank(governance);
            vm.expectRevert(Errors.ZeroHash.selector);
            service.setManifest(0);
        }
        change(governance, service, call);
        vm.assertEq(service.manifestHash(), keccak256("a spy"));
    }

    function test_only_governance_names_the_manifest_and_vacates() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.setManifest(keccak256("manifest"));
        approve();
        take(0, lease);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.vacate(0);
        vm.prank(governance);
        service.vacate(0);
        vm.assertTrue(service.isFree(0));
    }

    /// @dev The worker's word, as its agent gives it to an instance that runs.
    function consentOf(uint256 seat, bytes32 of_) private returns (bytes memory) {
        expiry = block.timestamp + 600;
        return sign(WORKER_KEY, service.consentDigest(seat, of_, keccak256("manifest"), expiry));
    }

    function take(uint256 seat, bytes32 of_) private {
        consent = consentOf(seat, of_);
        vm.prank(stranger);
        service.take(seat, of_, expiry, consent);
    }

    function approve() private {
        vm.prank(governance);
        service.setManifest(keccak256("manifest"));
    }
}
