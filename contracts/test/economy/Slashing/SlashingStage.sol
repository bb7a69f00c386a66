// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Slashing} from "../../../src/economy/Slashing.sol";
import {StakedNetwork} from "../../stages/StakedNetwork.sol";

/// @dev The whole network with stake: real attestations, verdicts and leases.
abstract contract SlashingStage is StakedNetwork {
    function setUp() public virtual override {
        super.setUp();
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        attest();
    }
}
