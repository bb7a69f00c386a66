// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {KeyService} from "../../../src/apps/KeyService.sol";
import {StakedNetwork} from "../../stages/StakedNetwork.sol";

/// @dev What governance and whoever has its key can do, and how long people have to leave before.
abstract contract PowersStage is StakedNetwork {
    KeyService internal service;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market, 0);
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        attest();
    }
}
