// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IClaims} from "../interfaces/IClaims.sol";
import {ISignatures} from "../interfaces/ISignatures.sol";
import {Blake2b} from "./Blake2b.sol";

/// @title Accounts of a Substrate chain: who signed, and which account several make together
library Accounts {
    /// @notice The account of a signature's key (sp-runtime, `MultiSigner::into_account`); 0 for no scheme.
    function signerOf(IClaims.Signature calldata signature) internal view returns (bytes32) {
        if (signature.scheme != IClaims.Scheme.Ecdsa) {
            return signature.scheme == IClaims.Scheme.None ? bytes32(0) : signature.x;
        }
        // The key in its short form, SEC 1, section 2.3.3.
        bytes1 sign = uint256(signature.y) & 1 == 0 ? bytes1(0x02) : bytes1(0x03);
        return Blake2b.hash(bytes.concat(sign, signature.x));
    }

    /// @notice Whether a signature is its key's over `text`.
    function verify(ISignatures signatures, IClaims.Signature calldata signature, bytes memory text)
        internal
        view
        returns (bool)
    {
        (bytes32 x, bytes32 r, bytes32 s) = (signature.x, signature.r, signature.s);
        if (signature.scheme == IClaims.Scheme.Sr25519) return signatures.sr25519(text, x, r, s);
        if (signature.scheme == IClaims.Scheme.Ed25519) return signatures.ed25519(text, x, r, s);
        if (signature.scheme != IClaims.Scheme.Ecdsa || signature.v > 1) return false;
        // An address is 20 bytes of the hash of a key, which nobody finds another key for.
        address key = address(uint160(uint256(keccak256(bytes.concat(x, signature.y)))));
        return ecrecover(Blake2b.hash(text), signature.v + 27, r, s) == key;
    }

    /// @notice The account of a multisig (pallet-multisig, `multi_account_id`).
    function multisig(bytes32[] calldata members, uint16 threshold) internal view returns (bytes32) {
        return Blake2b.hash(
            abi.encodePacked(
                "modlpy/utilisuba", _compact(members.length), members, uint8(threshold), uint8(threshold >> 8)
            )
        );
    }

    /// @dev A number below 2^14 as SCALE has it (Substrate documentation, "Type encoding (SCALE)").
    function _compact(uint256 number) private pure returns (bytes memory) {
        if (number < 64) return abi.encodePacked(uint8(number << 2));
        return abi.encodePacked(uint8(number << 2 | 1), uint8(number >> 6));
    }
}
