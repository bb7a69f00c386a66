// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev What of a Safe is used here. Safe 1.5.0, contracts/base/ModuleManager.sol.
interface IModuleManager {
    function enableModule(address module) external;
}

/// @title SafeModules: gives a Safe its modules while it is created
/// @notice A Safe calls it by DELEGATECALL out of its `setup`, so that nobody can come between.
contract SafeModules {
    /// @notice Enables modules of the Safe that delegates to it. Reverts as the Safe does; anywhere else it
    /// calls a function that isn't there.
    function enable(address[] calldata modules) external {
        for (uint256 i; i < modules.length; ++i) {
            IModuleManager(address(this)).enableModule(modules[i]);
        }
    }
}
