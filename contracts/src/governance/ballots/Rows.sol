// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";
import {VoteMessage} from "./VoteMessage.sol";

/// @title Rows: votes as they are posted, one behind the other
/// @dev `IBallots.post` says what a row is made of. Read in assembly, since most of what a batch costs that
/// isn't storage is reading it.
library Rows {
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @dev Reads the row at `at` of the calldata into a message, but for its choice. `parts` has its
    /// four bytes, and bit 32 where the pool is said to be the last one's. `next` is where the row behind it
    /// begins. Reverts with `BadRows` where it goes past `end` or has marks that there are not.
    function read(uint256 at, uint256 end, VoteMessage.Message memory message)
        internal
        pure
        returns (uint256 parts, bytes calldata choice, uint256 next)
    {
        uint256 marks;
        // Fields of `message` are a word each. Past the end of the calldata all is 0.
        assembly ("memory-safe") {
            let head := shr(168, calldataload(add(at, 96)))
            mstore(add(message, 0x20), calldataload(add(at, 64)))
            mstore(add(message, 0x60), shr(56, head))
            marks := and(shr(16, head), 0xff)
            parts := or(and(shr(24, head), 0xffffffff), shl(29, and(marks, 8)))
            choice.offset := add(at, 107)
            choice.length := and(head, 0xffff)
            next := add(choice.offset, choice.length)
            if and(marks, 7) {
                if and(marks, 1) {
                    mstore(add(message, 0xc0), calldataload(next))
                    next := add(next, 32)
                }
                if and(marks, 2) {
                    mstore(add(message, 0xe0), calldataload(next))
                    next := add(next, 32)
                }
                if and(marks, 4) {
                    mstore(add(message, 0x100), calldataload(next))
                    next := add(next, 32)
                }
            }
        }
        if (next > end || marks > 15) revert IBallots.BadRows();
    }

    /// @dev Who signed a digest with the signature (EIP-2098) at `at` of the calldata; 0 where nobody did, or
    /// where its `s` is in the upper half of the order.
    function signerOf(uint256 at, bytes32 digest) internal view returns (address signer) {
        assembly ("memory-safe") {
            let s := calldataload(add(at, 32))
            let input := mload(0x40)
            mstore(input, digest)
            mstore(add(input, 0x20), add(27, shr(255, s)))
            mstore(add(input, 0x40), calldataload(at))
            s := shr(1, shl(1, s))
            mstore(add(input, 0x60), s)
            if iszero(gt(s, HALF_ORDER)) {
                // What isn't a signature has no output.
                mstore(0, 0)
                pop(staticcall(gas(), 1, input, 0x80, 0, 0x20))
                signer := mload(0)
            }
        }
    }
}
