// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Admission} from "../../../src/attestation/Admission.sol";
import {GUEST, IAdmission, VERIFIER} from "../../../src/interfaces/IAdmission.sol";
import {vm} from "../../Vm.sol";
import {AdmissionStage} from "./AdmissionStage.sol";

contract AdmissionSetMeasurementTest is AdmissionStage {
    function test_nobody_lets_a_measurement_in_before_everybody_could_have_left() public {
        bytes memory call = abi.encodeCall(Admission.setMeasurement, (SPY, GUEST | VERIFIER));
        waits(call);
        vm.assertEq(admission.rolesOf(SPY), 3);
    }

    function test_what_keeps_out_for_good_is_announced_too() public {
        waits(abi.encodeCall(Admission.setMeasurement, (GUEST_MEASUREMENT, 0)));
        refused(abi.encodeWithSelector(IAdmission.MeasurementNotAllowed.selector, GUEST_MEASUREMENT));
    }

    function test_nobody_but_governance_changes_anything() public {
        bytes[5] memory calls = [
            abi.encodeCall(Admission.setFloor, (FMSPC, floor())),
            abi.encodeCall(Admission.setMeasurement, (SPY, GUEST)),
            abi.encodeCall(Admission.raiseFloor, (FMSPC, floor())),
            abi.encodeCall(Admission.lowerFloor, (FMSPC)),
            abi.encodeCall(Admission.suspendMeasurement, (GUEST_MEASUREMENT, GUEST))
        ];
        for (uint256 i; i < 5; ++i) {
            fails(
                stranger,
                calls[i],
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger)
            );
        }
    }
}
