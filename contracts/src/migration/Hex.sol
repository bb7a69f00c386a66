// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Numbers as hexadecimal digits, in lower case
library Hex {
    /// @notice The 40 digits of an address, behind `0x`.
    function ofAddress(address account) internal pure returns (bytes memory) {
        uint256 number = uint160(account);
        return bytes.concat("0x", digits(number >> 32), bytes8(digits(number << 96 & type(uint128).max)));
    }

    /// @notice The 64 digits of a word, behind `0x`.
    function ofWord(bytes32 word) internal pure returns (bytes memory) {
        return bytes.concat("0x", digits(uint256(word) >> 128), digits(uint128(uint256(word))));
    }

    /// @notice The 32 digits of a number below 2^128.
    function digits(uint256 number) internal pure returns (bytes32) {
        unchecked {
            // Each half moves half of the way, until every four bits have a byte.
            number =
                (number | number << 64) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
            number =
                (number | number << 32) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
            number =
                (number | number << 16) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
            number =
                (number | number << 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
            number =
                (number | number << 4) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
            // What is ten or more carries into the next four bits; "a" stands 39 behind ":".
            uint256 letters = number + 0x0606060606060606060606060606060606060606060606060606060606060606;
            letters = letters >> 4 & 0x0101010101010101010101010101010101010101010101010101010101010101;
            return bytes32(
                number + 0x3030303030303030303030303030303030303030303030303030303030303030 + letters * 39
            );
        }
    }
}
