// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";
import {WeightsText} from "./WeightsText.sol";

/// @title Choices: what a vote chose, in one word
/// @dev The word is `IBallots.Vote.choice`; 0 is no choice. With it comes what EIP-712 makes of the choice as
/// it was signed.
library Choices {
    uint256 internal constant MAX_APPROVED = 64;
    uint256 internal constant MAX_WEIGHTED = 16;
    uint256 internal constant MAX_RANKED = 4;

    /// @dev How many choices a kind may have.
    function most(IBallots.Kind kind) internal pure returns (uint256) {
        if (kind == IBallots.Kind.Basic) return 3;
        if (kind == IBallots.Kind.Weighted) return MAX_WEIGHTED;
        return kind == IBallots.Kind.Ranked ? MAX_RANKED : MAX_APPROVED;
    }

    /// @dev Reads a row's choice. Returns 0 where it isn't one of a ballot with so many choices.
    function read(IBallots.Kind kind, uint256 count, bytes calldata choice)
        internal
        pure
        returns (uint256 chosen, bytes32 signed)
    {
        if (kind <= IBallots.Kind.Single) {
            if (choice.length != 4) return (0, 0);
            chosen = uint32(bytes4(choice));
            return chosen > count ? (0, bytes32(0)) : (chosen, bytes32(chosen));
        }
        if (kind == IBallots.Kind.Weighted) {
            chosen = WeightsText.read(choice, count);
            return chosen == 0 ? (0, bytes32(0)) : (chosen, keccak256(choice));
        }
        bool isRanked = kind == IBallots.Kind.Ranked;
        uint256 length = choice.length / 4;
        if (choice.length % 4 != 0 || length > count || (isRanked && length != count)) return (0, 0);
        bytes32[] memory numbers = new bytes32[](length);
        uint256 seen = 0;
        uint256 ranking = 0;
        for (uint256 i = 0; i < length; ++i) {
            uint256 number = uint32(bytes4(choice[4 * i:]));
            if (number == 0 || number > count || seen >> (number - 1) & 1 != 0) return (0, 0);
            seen |= 1 << (number - 1);
            ranking |= number << (4 * i);
            numbers[i] = bytes32(number);
        }
        return (isRanked ? ranking : seen, keccak256(abi.encodePacked(numbers)));
    }
}
