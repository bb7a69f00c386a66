// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";

/// @title Casts: what is counted of a voter, in one word
/// @dev From the highest bit on: the choice (64 bits; elsewhere for `Weighted`), timestamp and tag (32 each,
/// together the stamp), parts (32) and weight (96).
library Casts {
    /// @dev A word without its choice.
    function pack(uint256 stamp, uint256 parts, uint256 weight) internal pure returns (uint256) {
        return stamp << 128 | parts << 96 | weight;
    }

    function withChoice(uint256 word, uint256 choice) internal pure returns (uint256) {
        return choice << 192 | word;
    }

    /// @dev Of two votes that with the greater one counts.
    function stampOf(uint256 timestamp, uint256 tag) internal pure returns (uint256) {
        return timestamp << 32 | tag;
    }

    function choiceIn(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    function stampIn(uint256 word) internal pure returns (uint256) {
        return uint64(word >> 128);
    }

    function partsIn(uint256 word) internal pure returns (uint256) {
        return uint32(word >> 96);
    }

    function weightIn(uint256 word) internal pure returns (uint256) {
        return uint96(word);
    }

    function toVote(uint256 word, uint256 choice) internal pure returns (IBallots.Vote memory) {
        return
            IBallots.Vote(choice, uint32(word >> 160), uint32(word >> 128), uint32(word >> 96), uint96(word));
    }
}
