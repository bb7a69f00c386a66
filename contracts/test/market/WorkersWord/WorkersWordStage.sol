// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GUEST, IAdmission, VERIFIER} from "../../../src/interfaces/IAdmission.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {StakedNetwork} from "../../stages/StakedNetwork.sol";

/// @dev What somebody tries to have said of a worker without its key: by verifiers that are honest and were
/// given evidence of their own, by verifiers that are broken, by a machine that is broken, or by a quote
/// that the worker made for anybody.
abstract contract WorkersWordStage is StakedNetwork {
    /// @dev Governance listed the SEV-SNP image as a verifier's by mistake, and a second TDX image.
    function images() internal pure override returns (IAdmission.ImageRoles[] memory roles) {
        roles = new IAdmission.ImageRoles[](3);
        roles[0] = IAdmission.ImageRoles(SoftwarePlatform.imageId(keccak256("guest")), GUEST | VERIFIER);
        roles[1] = IAdmission.ImageRoles(snpName(), GUEST | VERIFIER);
        roles[2] = IAdmission.ImageRoles(SoftwarePlatform.imageId("another image"), GUEST);
    }
}
