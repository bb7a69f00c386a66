// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISignatures} from "../interfaces/ISignatures.sol";
import {Ed25519} from "./Ed25519.sol";
import {Sr25519} from "./Sr25519.sol";

/// @title Signatures: those that Ethereum has no precompile for
/// @dev Apart from who asks, since both would be larger than a contract may be (EIP-170).
contract Signatures is ISignatures {
    /// @inheritdoc ISignatures
    function sr25519(bytes calldata message, bytes32 key, bytes32 r, bytes32 s) external view returns (bool) {
        return Sr25519.verify(message, key, r, s);
    }

    /// @inheritdoc ISignatures
    function ed25519(bytes calldata message, bytes32 key, bytes32 r, bytes32 s) external view returns (bool) {
        return Ed25519.verify(message, key, r, s);
    }
}
