// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev What ballots call.
contract Target {
    uint256 public value;

    receive() external payable {}

    function set(uint256 value_) external {
        value = value_;
    }

    function fail() external pure {
        revert("failed");
    }

    /// @dev Calls `to` in turn, and fails where that fails.
    function relay(address to, bytes calldata data) external {
        (bool success, bytes memory returned) = to.call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(returned, 32), mload(returned))
        }
    }
}
