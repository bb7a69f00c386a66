// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Positions: an account's shares of one pool, by the second
/// @dev The latest entry also says which of the account's pools this is, and how many entries there were
/// before, so that a vote reads one slot where nothing changed since.
library Positions {
    struct Entry {
        uint128 shares;
        /// Unix seconds
        uint40 since;
        /// Which of the account's pools, from 1; 0 where it was never in it.
        uint32 index;
        /// How many entries are older.
        uint32 count;
    }

    struct History {
        Entry latest;
        mapping(uint256 place => Entry) older;
    }

    /// @dev Which of the account's pools this is, from 1; 0 where it was never in it.
    function index(History storage self) internal view returns (uint256) {
        return self.latest.index;
    }

    /// @dev From this second on the account has `shares`.
    function push(History storage self, uint256 index_, uint256 shares) internal {
        Entry memory entry = self.latest;
        if (entry.index != 0 && entry.since != block.timestamp) self.older[entry.count++] = entry;
        self.latest = Entry(uint128(shares), uint40(block.timestamp), uint32(index_), entry.count);
    }

    /// @dev The shares that the account had at the end of second `time`.
    function sharesAt(History storage self, uint256 time) internal view returns (uint256) {
        Entry storage entry = self.latest;
        if (entry.since <= time) return entry.shares;
        uint256 low = 0;
        uint256 high = entry.count;
        // Entries before `low` are of that second or before, those from `high` on are later.
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (self.older[middle].since > time) high = middle;
            else low = middle + 1;
        }
        return low == 0 ? 0 : self.older[low - 1].shares;
    }
}
