// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";

/// @title Tally: what each choice of a ballot has
/// @dev Sums of weights by the choice's number; of `Ranked` ballots, by the ranking. A weighted vote gives
/// each choice its part of the weight rounded down, so that up to 15 units of it go to none.
library Tally {
    struct Sums {
        mapping(uint256 choice => uint256) sum;
    }

    /// @dev A vote's weight becomes `to` where it was `from`.
    function move(Sums storage self, IBallots.Kind kind, uint256 choice, uint256 from, uint256 to) internal {
        if (kind == IBallots.Kind.Approval) {
            for (uint256 i = 1; choice != 0; ++i) {
                if (choice & 1 != 0) self.sum[i] = self.sum[i] + to - from;
                choice >>= 1;
            }
        } else if (kind == IBallots.Kind.Weighted) {
            uint256 whole = 0;
            for (uint256 rest = choice; rest != 0; rest >>= 16) {
                whole += uint16(rest);
            }
            for (uint256 i = 1; choice != 0; ++i) {
                uint256 weight = uint16(choice);
                if (weight != 0) self.sum[i] = self.sum[i] + to * weight / whole - from * weight / whole;
                choice >>= 16;
            }
        } else {
            self.sum[choice] = self.sum[choice] + to - from;
        }
    }

    /// @dev Changes the sum of each choice by what is there at its number, modulo 2^256.
    function change(Sums storage self, uint256[] memory changes) internal {
        for (uint256 i = 1; i < changes.length; ++i) {
            int256 by = int256(changes[i]);
            if (by > 0) self.sum[i] += uint256(by);
            else if (by < 0) self.sum[i] -= uint256(-by);
        }
    }

    /// @dev Sums of all choices, or of all rankings from the smallest on.
    function all(Sums storage self, IBallots.Kind kind, uint256 count)
        internal
        view
        returns (uint256[] memory sums)
    {
        if (kind != IBallots.Kind.Ranked) {
            sums = new uint256[](count);
            for (uint256 i = 0; i < count; ++i) {
                sums[i] = self.sum[i + 1];
            }
            return sums;
        }
        uint256[] memory orders = rankings(count);
        sums = new uint256[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            sums[i] = self.sum[orders[i]];
        }
    }

    /// @dev The choice that leads alone; 0 where none does.
    function leader(Sums storage self, IBallots.Kind kind, uint256 count) internal view returns (uint256) {
        if (kind == IBallots.Kind.Ranked) return _runoff(self, count);
        uint256 best = 0;
        uint256 most = 0;
        for (uint256 i = 1; i <= count; ++i) {
            uint256 sum = self.sum[i];
            if (sum > most) (best, most) = (i, sum);
            else if (sum == most) best = 0;
        }
        return best;
    }

    /// @dev All orders of so many choices, up to 4, by their numbers: four bits for each rank, the best's the
    /// lowest.
    function rankings(uint256 count) internal pure returns (uint256[] memory orders) {
        orders = new uint256[](count == 4 ? 24 : count == 3 ? 6 : count);
        uint256 found = 0;
        uint256 all_ = (1 << (count + 1)) - 2;
        for (uint256 order = 0; found < orders.length; ++order) {
            uint256 bits = 0;
            for (uint256 i = 0; i < count; ++i) {
                bits |= 1 << (order >> (4 * i) & 15);
            }
            if (bits == all_) orders[found++] = order;
        }
    }

    /// @dev Instant run-off as Snapshot's (`snapshot.js` src/voting/rankedChoice.ts): of the choices that are
    /// left, the one that fewest have first goes out, the lowest of several, until one has more than half or
    /// fewer than three are left. One that nobody has first is among them: it goes before the others do.
    function _runoff(Sums storage self, uint256 count) private view returns (uint256 winner) {
        uint256[] memory orders = rankings(count);
        uint256 left = (1 << (count + 1)) - 2;
        while (true) {
            (uint256[] memory first, uint256 whole) = _firsts(self, orders, left, count);
            uint256 top = 0;
            uint256 bottom = 0;
            uint256 present = 0;
            for (uint256 choice = 1; choice <= count; ++choice) {
                if (left >> choice & 1 == 0) continue;
                ++present;
                if (first[choice] > first[top]) top = choice;
                if (bottom == 0 || first[choice] < first[bottom]) bottom = choice;
            }
            if (2 * first[top] > whole) return top;
            if (present < 3) return 0;
            left ^= 1 << bottom;
        }
    }

    /// @dev What each of the choices that are left is the first of, and all of it.
    function _firsts(Sums storage self, uint256[] memory orders, uint256 left, uint256 count)
        private
        view
        returns (uint256[] memory first, uint256 whole)
    {
        first = new uint256[](count + 1);
        for (uint256 i = 0; i < orders.length; ++i) {
            uint256 order = orders[i];
            uint256 sum = self.sum[order];
            while (left >> (order & 15) & 1 == 0) order >>= 4;
            first[order & 15] += sum;
            whole += sum;
        }
    }
}
