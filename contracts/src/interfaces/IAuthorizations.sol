// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IAuthorizations: tokens that move by their owner's signature
/// @notice The part of EIP-3009 that is used here, with signatures as USDC takes them since its version 2.2.
interface IAuthorizations {
    /// @notice Moves `value` from `from` to `to`. Anybody may hand it in.
    /// @param signature Over `TransferWithAuthorization(address from,address to,uint256 value,uint256
    /// validAfter,uint256 validBefore,bytes32 nonce)`, by `from`.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Moves `value` from `from` to the caller, which has to be `to`.
    /// @param signature Over `ReceiveWithAuthorization(address from,address to,uint256 value,uint256
    /// validAfter,uint256 validBefore,bytes32 nonce)`, by `from`.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
