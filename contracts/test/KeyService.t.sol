// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {KeyService} from "../src/KeyService.sol";
import {Market} from "../src/Market.sol";
import {Network} from "./Network.sol";
import {vm} from "./Vm.sol";

contract KeyServiceTest is Network {
    KeyService private service;
    bytes32 private lease;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market);
        register();
        attest();
        lease = openLease(address(usdc), 1, 1_000_000, 1);
    }

    function test_anybody_seats_an_instance_that_runs_the_manifest_on_a_covered_worker() public {
        vm.expectRevert(abi.encodeWithSelector(KeyService.WrongManifest.selector, keccak256("manifest"), 0));
        service.take(0, lease);
        approve();
        vm.expectRevert(abi.encodeWithSelector(KeyService.LeaseNotOpen.selector, keccak256("none")));
        service.take(0, keccak256("none"));
        vm.prank(stranger);
        service.take(0, lease);
        KeyService.Seat[3] memory seats = service.seats();
        vm.assertEq(seats[0].lease, lease);
        vm.assertEq(seats[0].worker, worker);
        vm.assertEq(seats[0].provider, provider);
        vm.expectRevert(abi.encodeWithSelector(KeyService.SeatTaken.selector, 0, lease));
        service.take(0, lease);
        vm.expectRevert(abi.encodeWithSelector(KeyService.NoSuchSeat.selector, 3));
        service.take(3, lease);
    }

    function test_three_seats_are_of_three_providers() public {
        approve();
        service.take(0, lease);
        bytes32 second = openLease(address(usdc), 1, 1_000_000, 2);
        vm.expectRevert(abi.encodeWithSelector(KeyService.ProviderHasAnotherSeat.selector, provider, 0));
        service.take(1, second);
        // In the seat it has already it may follow itself.
        vm.prank(tenant);
        market.close(lease, tenant);
        service.take(0, second);
        // Nor in another one once it has left: what its machines kept would add up.
        vm.prank(governance);
        service.vacate(0);
        vm.expectRevert(abi.encodeWithSelector(KeyService.ProviderHasAnotherSeat.selector, provider, 0));
        service.take(1, second);
        service.take(0, second);
    }

    function test_a_worker_that_is_not_covered_is_not_seated_and_loses_its_seat_after_a_while() public {
        approve();
        service.take(0, lease);
        vm.warp(block.timestamp + 1 hours);
        vm.assertTrue(!service.isFree(0), "coverage ended just now");
        vm.warp(block.timestamp + 1 hours);
        vm.assertTrue(service.isFree(0));
        (,, uint256 until) = workers.billing(worker);
        vm.expectRevert(abi.encodeWithSelector(KeyService.WorkerNotCovered.selector, worker, until));
        service.take(0, lease);
        attest();
        vm.assertTrue(!service.isFree(0));
    }

    function test_a_lease_that_ends_or_runs_something_else_has_lost_its_seat() public {
        approve();
        service.take(0, lease);
        vm.prank(tenant);
        market.update(lease, keccak256("a spy"));
        vm.assertTrue(service.isFree(0));
        vm.expectRevert(abi.encodeWithSelector(KeyService.WrongManifest.selector, keccak256("a spy"), keccak256("manifest")));
        service.take(0, lease);
        vm.prank(tenant);
        market.update(lease, keccak256("manifest"));
        vm.assertTrue(!service.isFree(0));
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.assertTrue(service.isFree(0));
    }

    function test_a_new_manifest_leaves_those_who_are_seated() public {
        approve();
        service.take(0, lease);
        vm.prank(governance);
        service.setManifest(keccak256("version 2"));
        vm.assertTrue(!service.isFree(0));
    }

    function test_only_governance_names_the_manifest_and_vacates() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.setManifest(keccak256("manifest"));
        approve();
        service.take(0, lease);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.vacate(0);
        vm.prank(governance);
        service.vacate(0);
        vm.assertTrue(service.isFree(0));
    }

    function approve() private {
        vm.prank(governance);
        service.setManifest(keccak256("manifest"));
    }
}
