// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title BLAKE2b-256 (RFC 7693) by the precompile of EIP-152
library Blake2b {
    /// @dev The initialisation vector (section 2.6), the first number changed by the parameters of a hash of
    /// 32 bytes without a key (section 2.5), each number its first byte first.
    bytes private constant FIRST = hex"28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
        hex"d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b";
    uint256 private constant BLOCK = 128;

    /// @dev The chain lacks the precompile, or it failed.
    error NoPrecompile();

    /// @notice The hash of `data`.
    function hash(bytes memory data) internal view returns (bytes32 result) {
        bytes memory state = FIRST;
        uint256 done = 0;
        do {
            uint256 left = data.length - done;
            bool isLast = left <= BLOCK;
            uint256 count = isLast ? left : BLOCK;
            done += count;
            state = _mix(state, data, done - count, count, done, isLast);
            if (isLast) return bytes32(state);
        } while (true);
    }

    function _mix(bytes memory state, bytes memory data, uint256 at, uint256 count, uint256 done, bool isLast)
        private
        view
        returns (bytes memory next)
    {
        bytes memory block_ = new bytes(BLOCK);
        assembly ("memory-safe") {
            mcopy(add(block_, 0x20), add(add(data, 0x20), at), count)
        }
        // The precompile takes its counter with the first byte lowest; no message has 2^32 bytes.
        bytes16 counter = bytes16(
            bytes.concat(
                bytes1(uint8(done)),
                bytes1(uint8(done >> 8)),
                bytes1(uint8(done >> 16)),
                bytes1(uint8(done >> 24))
            )
        );
        bool isDone;
        (isDone, next) = address(9)
            .staticcall(
                bytes.concat(bytes4(uint32(12)), state, block_, counter, isLast ? bytes1(0x01) : bytes1(0))
            );
        // A hash of nothing would be 0, which everybody can make an ECDSA signature over.
        if (!isDone || next.length != 64) revert NoPrecompile();
    }
}
