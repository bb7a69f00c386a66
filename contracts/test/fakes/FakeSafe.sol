// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISafe} from "../../src/interfaces/ISafe.sol";

/// @dev As much of a Safe as its modules use: it makes their calls and nobody else's.
contract FakeSafe is ISafe {
    mapping(address module => bool) public isModuleEnabled;
    bool private _hasOwnersModule;

    receive() external payable {}

    /// @dev The first module by anybody, others by the Safe alone.
    function enableModule(address module) external {
        require(!_hasOwnersModule || msg.sender == address(this), "GS031");
        _hasOwnersModule = true;
        isModuleEnabled[module] = true;
    }

    function execTransactionFromModuleReturnData(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation
    ) external returns (bool success, bytes memory returnData) {
        require(isModuleEnabled[msg.sender], "GS104");
        require(operation == 0, "only calls");
        (success, returnData) = to.call{value: value}(data);
    }
}
