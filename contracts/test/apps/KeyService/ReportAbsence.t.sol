// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IKeyService} from "../../../src/interfaces/IKeyService.sol";
import {vm} from "../../Vm.sol";
import {KeyServiceStage} from "./KeyServiceStage.sol";

contract KeyServiceReportAbsenceTest is KeyServiceStage {
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
}
