// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../../src/attestation/Admission.sol";
import {GUEST, IAdmission, VERIFIER} from "../../../src/interfaces/IAdmission.sol";
import {vm} from "../../Vm.sol";
import {AdmissionStage} from "./AdmissionStage.sol";

contract AdmissionSuspendMeasurementTest is AdmissionStage {
    function test_taking_a_suspension_back_gives_a_measurement_no_role_that_it_had_not() public {
        vm.prank(governance);
        admission.suspendMeasurement(SPY, GUEST);
        vm.prank(governance);
        admission.suspendMeasurement(SPY, 0);
        vm.assertEq(admission.rolesOf(SPY), 0);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, 0xff);
        vm.assertEq(admission.rolesOf(GUEST_MEASUREMENT), 0);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, VERIFIER);
        vm.assertEq(admission.rolesOf(GUEST_MEASUREMENT), GUEST);
    }

    function test_a_measurement_with_a_hole_is_suspended_at_once_and_what_was_covered_stays_so_until_it_ends()
        public
    {
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        refused(abi.encodeWithSelector(IAdmission.MeasurementNotAllowed.selector, GUEST_MEASUREMENT));
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, 0);
        attest();
    }

    function test_a_suspension_ends_after_29_days_and_another_begins_after_22_more() public {
        uint256 began = block.timestamp;
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        // However often it is changed, it ends when it would have.
        vm.warp(began + 20 days);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, 0);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        vm.warp(began + 29 days - 1);
        refused(abi.encodeWithSelector(IAdmission.MeasurementNotAllowed.selector, GUEST_MEASUREMENT));
        vm.warp(began + 29 days);
        attest();
        for (uint256 i; i < 2; ++i) {
            vm.warp(began + 29 days + i * (22 days - 1));
            vm.prank(governance);
            vm.expectRevert(abi.encodeWithSelector(IAdmission.SuspendedRecently.selector, began + 51 days));
            admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        }
        vm.warp(began + 51 days);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        vm.assertEq(admission.rolesOf(GUEST_MEASUREMENT), 0);
    }

    function test_what_is_suspended_today_is_out_for_good_without_a_gap_where_that_is_announced_today()
        public
    {
        bytes memory call = abi.encodeCall(Admission.setMeasurement, (GUEST_MEASUREMENT, 0));
        vm.prank(governance);
        admission.announce(call);
        vm.prank(governance);
        admission.suspendMeasurement(GUEST_MEASUREMENT, GUEST);
        uint256 end = block.timestamp + 29 days;
        vm.warp(end - 1);
        vm.assertEq(admission.rolesOf(GUEST_MEASUREMENT), 0);
        vm.prank(governance);
        admission.setMeasurement(GUEST_MEASUREMENT, 0);
        vm.warp(end);
        vm.assertEq(admission.rolesOf(GUEST_MEASUREMENT), 0);
    }
}
