// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISafe} from "../interfaces/ISafe.sol";
import {ISafeModules} from "../interfaces/ISafeModules.sol";

/// @title SafeModules: gives a Safe its modules while it is created
/// @notice See `ISafeModules`.
contract SafeModules is ISafeModules {
    /// @inheritdoc ISafeModules
    function enable(address[] calldata modules) external {
        for (uint256 i; i < modules.length; ++i) {
            ISafe(address(this)).enableModule(modules[i]);
        }
    }
}
