// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAdmission} from "../../../src/interfaces/IAdmission.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {AdmissionStage} from "./AdmissionStage.sol";

contract AdmissionRaiseFloorTest is AdmissionStage {
    function test_a_raised_floor_is_none_below_the_one_that_was_set() public {
        vm.roll(block.number + 2);
        SoftwarePlatform.Guest memory old = guestFor(worker, block.number - 1);
        old.qeSvn = 3;
        IAdmission.Floor memory nothing;
        nothing.expiry = type(uint48).max;
        vm.prank(governance);
        admission.raiseFloor(FMSPC, nothing);
        bytes memory quote = SoftwarePlatform.quote(old, PCK);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, quote);
    }

    function test_a_raised_floor_ends_after_29_days_and_another_is_raised_after_22_more() public {
        uint256 began = block.timestamp;
        IAdmission.Floor memory high = floor();
        high.pceSvn = 0xffff;
        raise(high);
        refused(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        vm.warp(began + 28 days);
        vm.prank(governance);
        admission.lowerFloor(FMSPC);
        attest();
        raise(high);
        (IAdmission.Floor memory raised, uint256 until) = admission.raisedFloorOf(FMSPC);
        vm.assertEq(raised.pceSvn, 0xffff);
        vm.assertEq(until, began + 29 days);
        vm.warp(began + 29 days);
        (, until) = admission.raisedFloorOf(FMSPC);
        vm.assertEq(until, 0);
        attest();
        vm.warp(began + 51 days - 1);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IAdmission.SuspendedRecently.selector, began + 51 days));
        admission.raiseFloor(FMSPC, high);
        vm.warp(began + 51 days);
        raise(high);
    }

    function raise(IAdmission.Floor memory f) private {
        vm.prank(governance);
        admission.raiseFloor(FMSPC, f);
    }
}
