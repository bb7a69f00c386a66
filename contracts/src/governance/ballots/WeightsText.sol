// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title WeightsText: the choice of a weighted vote, as Snapshot signs it
/// @dev JSON of one form: {"1":70,"2":30}. No blanks; each choice at the most once; whole numbers without
/// zeros in front and below 65,536, as many as there are choices. Anything else is no choice.
library WeightsText {
    /// @dev The weights, 16 bits for each choice, the first choice's the lowest; 0 where the text is another.
    function read(bytes calldata text, uint256 count) internal pure returns (uint256 weights) {
        // The longest has 16 of "16":65535 with commas between, and the braces.
        if (text.length < 7 || text.length > 177 || text[0] != "{") return 0;
        uint256 at = 1;
        uint256 seen = 0;
        while (true) {
            uint256 choice;
            uint256 weight;
            if (_at(text, at) != '"') return 0;
            (choice, at) = _number(text, at + 1);
            if (choice == 0 || choice > count || seen >> choice & 1 != 0) return 0;
            seen |= 1 << choice;
            if (_at(text, at) != '"' || _at(text, at + 1) != ":") return 0;
            (weight, at) = _number(text, at + 2);
            if (weight > type(uint16).max) return 0;
            weights |= weight << (16 * (choice - 1));
            bytes1 next = _at(text, at++);
            if (next == "}") return at == text.length ? weights : 0;
            if (next != ",") return 0;
        }
    }

    /// @dev What is at a place; 0 past the end.
    function _at(bytes calldata text, uint256 at) private pure returns (bytes1) {
        return at < text.length ? text[at] : bytes1(0);
    }

    /// @dev The number that begins at a place, and where it ends; 2^256 - 1 where there is none.
    function _number(bytes calldata text, uint256 from) private pure returns (uint256 number, uint256 at) {
        at = from;
        while (at < from + 6) {
            uint8 digit = uint8(_at(text, at)) ^ 0x30;
            if (digit > 9) break;
            number = number * 10 + digit;
            ++at;
        }
        if (at == from || (at > from + 1 && text[from] == "0")) return (type(uint256).max, at);
    }
}
