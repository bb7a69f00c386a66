// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../../src/attestation/Admission.sol";
import {IAdmission} from "../../../src/interfaces/IAdmission.sol";
import {vm} from "../../Vm.sol";
import {AdmissionStage} from "./AdmissionStage.sol";

contract AdmissionSetFloorTest is AdmissionStage {
    function test_nobody_lowers_a_floor_or_lengthens_it_before_everybody_could_have_left() public {
        IAdmission.Floor memory nothing;
        nothing.expiry = type(uint48).max;
        waits(abi.encodeCall(Admission.setFloor, (FMSPC, nothing)));
        vm.assertEq(admission.floorOf(FMSPC).expiry, type(uint48).max);
        // Another family's first floor lets machines in as well.
        waits(abi.encodeCall(Admission.setFloor, (hex"00a06f000000", nothing)));
    }
}
