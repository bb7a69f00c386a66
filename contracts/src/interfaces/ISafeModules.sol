// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ISafeModules: gives a Safe its modules while it is created
/// @notice A Safe calls it by DELEGATECALL out of its `setup`, so that nobody can come between.
interface ISafeModules {
    /// @notice Enables modules of the Safe that delegates to it. Reverts as the Safe does; anywhere else it
    /// calls a function that isn't there.
    function enable(address[] calldata modules) external;
}
