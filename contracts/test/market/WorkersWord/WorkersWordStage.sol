// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GUEST, IAdmission, VERIFIER} from "../../../src/interfaces/IAdmission.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {StakedNetwork} from "../../stages/StakedNetwork.sol";

/// @dev What somebody tries to have said of a worker without its key: by verifiers that are honest and were
/// given evidence of their own, by verifiers that are broken, by a machine that is broken, or by a quote
/// that the worker made for anybody.
abstract contract WorkersWordStage is StakedNetwork {
    /// @dev Governance listed the SEV-SNP guest as a verifier by mistake, and a second TDX guest.
    function measurements() internal pure override returns (IAdmission.MeasurementRoles[] memory roles) {
        roles = new IAdmission.MeasurementRoles[](3);
        roles[0] =
            IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf(keccak256("guest")), GUEST | VERIFIER);
        roles[1] = IAdmission.MeasurementRoles(snpName(), GUEST | VERIFIER);
        roles[2] = IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf("another guest"), GUEST);
    }
}
