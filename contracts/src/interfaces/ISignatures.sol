// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ISignatures: signatures that Ethereum has no precompile for
/// @notice Has no state and no owner; anybody may ask. Keys and signatures are as wallets give them, byte for
/// byte: `r` and `s` are the halves of the 64.
interface ISignatures {
    /// @notice Whether a signature is a key's over `message`, by sr25519 in Substrate's context. False for
    /// whatever no wallet makes.
    function sr25519(bytes calldata message, bytes32 key, bytes32 r, bytes32 s) external view returns (bool);

    /// @notice The same by Ed25519.
    function ed25519(bytes calldata message, bytes32 key, bytes32 r, bytes32 s) external view returns (bool);
}
