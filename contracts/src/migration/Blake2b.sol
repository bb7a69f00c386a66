// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title BLAKE2b-256 (RFC 7693) by the precompile of EIP-152
library Blake2b {
    /// @dev The initialisation vector (section 2.6), the first number changed by the parameters of a hash of
    /// 32 bytes without a key (section 2.5), each number its first byte first.
    uint256 private constant FIRST = 0x28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5;
    uint256 private constant SECOND = 0xd182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b;

    /// @dev The chain lacks the precompile, or it failed.
    error NoPrecompile();

    /// @notice The hash of `data`, which has less than 2^32 bytes.
    function hash(bytes memory data) internal view returns (bytes32 result) {
        bool isDone = true;
        // What the precompile takes: rounds (4 bytes), state (64), block (128), how many bytes are hashed
        // with that (16, the lowest first), whether it is the last (1). The state that comes out goes in
        // again.
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, shl(224, 12))
            mstore(add(input, 4), FIRST)
            mstore(add(input, 36), SECOND)
            let length := mload(data)
            let from := add(data, 32)
            let done := 0
            for {} 1 {} {
                let count := sub(length, done)
                let isLast := lt(count, 129)
                if isLast { calldatacopy(add(input, 68), calldatasize(), 128) }
                if iszero(isLast) { count := 128 }
                mcopy(add(input, 68), add(from, done), count)
                done := add(done, count)
                let swapped := or(shl(8, and(done, 0xff00ff)), and(shr(8, done), 0xff00ff))
                mstore(add(input, 196), or(shl(240, swapped), shl(208, and(swapped, 0xffff0000))))
                mstore8(add(input, 212), isLast)
                isDone := staticcall(gas(), 9, input, 213, add(input, 4), 64)
                isDone := and(isDone, eq(returndatasize(), 64))
                if or(isLast, iszero(isDone)) { break }
            }
            result := mload(add(input, 4))
        }
        // A hash of nothing would be 0, which everybody can make an ECDSA signature over.
        if (!isDone) revert NoPrecompile();
    }
}
