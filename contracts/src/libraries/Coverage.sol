// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Coverage: which seconds of a worker's life attestations span
/// @dev One accumulator, so that whoever bills "covered seconds between two instants" gets them exactly, gaps
/// included, in O(1). Instants in Unix seconds.
library Coverage {
    /// @dev One slot. The current segment is [start, until); all earlier ones add up to `base` seconds and
    /// ended by `previousUntil`.
    struct Record {
        uint48 base;
        uint48 start;
        uint48 until;
        uint48 previousUntil;
        /// The newest block that evidence was bound to; an older or equal one is refused, so none can be
        /// replayed.
        uint64 lastBlock;
    }

    /// @notice Evidence bound to block `blockNumber` comes after evidence bound to `lastBlock`.
    error EvidenceReplayed(uint256 blockNumber, uint256 lastBlock);
    /// @notice What was covered up to `instant` is known for instants from `oldest` on only.
    error InstantTooOld(uint256 instant, uint256 oldest);

    /// @dev Whether the present second is covered.
    function isCurrent(Record storage self) internal view returns (bool) {
        return self.until > block.timestamp;
    }

    /// @dev Covered seconds up to `instant`. Reverts with `InstantTooOld` for one before the end of the last
    /// closed segment.
    function at(Record memory self, uint256 instant) internal pure returns (uint256) {
        if (instant >= self.start) {
            return self.base + (instant < self.until ? instant : self.until) - self.start;
        }
        if (instant >= self.previousUntil) return self.base;
        revert InstantTooOld(instant, self.previousUntil);
    }

    /// @dev Covered seconds up to now. The current segment never starts in the future.
    function untilNow(Record memory self) internal view returns (uint256) {
        return self.base + (block.timestamp < self.until ? block.timestamp : self.until) - self.start;
    }

    /// @dev Covers the seconds from now to `until`, on evidence bound to block `blockNumber`. Goes on with
    /// the current segment or, after a gap, begins another one.
    function extend(Record storage self, uint256 blockNumber, uint48 until) internal {
        if (blockNumber <= self.lastBlock) revert EvidenceReplayed(blockNumber, self.lastBlock);
        uint48 instant = uint48(block.timestamp);
        if (instant > self.until) {
            self.base += self.until - self.start;
            self.previousUntil = self.until;
            self.start = instant;
        }
        if (until > self.until) self.until = until;
        self.lastBlock = uint64(blockNumber);
    }

    /// @dev Ends coverage now. Evidence made before this moment can't bring it back.
    function end(Record storage self) internal {
        self.lastBlock = uint64(block.number);
        if (block.timestamp < self.until) self.until = uint48(block.timestamp);
    }
}
