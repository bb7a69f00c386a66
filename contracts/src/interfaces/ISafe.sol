// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ISafe: what is used of a Safe (`@safe-global/safe-smart-account` 1.5.0, ModuleManager.sol)
interface ISafe {
    /// @notice Makes a call as the Safe, for a module of it. `operation`: 0 for a call. Reverts with GS104
    /// for anybody but a module; otherwise says whether the call succeeded, and what it returned.
    function execTransactionFromModuleReturnData(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation
    ) external returns (bool success, bytes memory returnData);

    /// @notice Lets a contract make calls as the Safe. By the Safe itself.
    function enableModule(address module) external;
}
