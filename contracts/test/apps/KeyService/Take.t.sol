// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IKeyService} from "../../../src/interfaces/IKeyService.sol";
import {vm} from "../../Vm.sol";
import {KeyServiceStage} from "./KeyServiceStage.sol";

contract KeyServiceTakeTest is KeyServiceStage {
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
}
