// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";
import {WeightsText} from "./WeightsText.sol";

/// @title Choices: what a vote chose, in one word
/// @dev The word is `IBallots.Vote.choice`; 0 is no choice.
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
    function read(IBallots.Kind kind, uint256 count, bytes calldata choice) internal pure returns (uint256) {
        if (kind == IBallots.Kind.Weighted) return WeightsText.read(choice, count);
        if (kind == IBallots.Kind.Approval) return _approved(count, choice);
        if (kind == IBallots.Kind.Ranked) return _ranked(count, choice);
        if (choice.length != 4) return 0;
        uint256 number = uint32(bytes4(choice));
        return number > count ? 0 : number;
    }

    function _approved(uint256 count, bytes calldata choice) private pure returns (uint256 bits) {
        uint256 length = choice.length / 4;
        if (choice.length % 4 != 0 || length > count) return 0;
        for (uint256 i = 0; i < length; ++i) {
            uint256 number = uint32(bytes4(choice[4 * i:]));
            if (number == 0 || number > count) return 0;
            uint256 bit = 1 << (number - 1);
            if (bits & bit != 0) return 0;
            bits |= bit;
        }
    }

    function _ranked(uint256 count, bytes calldata choice) private pure returns (uint256 ranking) {
        if (choice.length != 4 * count) return 0;
        uint256 bits = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 number = uint32(bytes4(choice[4 * i:]));
            if (number == 0 || number > count || bits >> number & 1 != 0) return 0;
            bits |= 1 << number;
            ranking |= number << (4 * i);
        }
    }
}
