// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SlashRoom: what slashes may still take of a pool
/// @dev A tenth of the pool at once, whoever slashes and how often. What was taken wears off evenly, a tenth
/// in `PERIOD`.
library SlashRoom {
    /// @dev What slashes took of a pool lately. One slot.
    struct Lately {
        /// Of `WHOLE`, as of `at`, Unix seconds.
        uint64 part;
        uint48 at;
    }

    /// @notice Slashes may take `room` of the pool now, which is less than `asked`.
    error SlashedEnough(address provider, uint256 asked, uint256 room);

    /// @dev Hundredths of a percent.
    uint256 internal constant MAX_BPS = 1_000;
    uint256 internal constant PERIOD = 7 days;
    uint256 private constant WHOLE = 1e18;
    uint256 private constant MAX = WHOLE * MAX_BPS / 10_000;

    /// @dev What there is room for, of `whole` base units that a pool has.
    function roomOf(Lately memory self, uint256 whole) internal view returns (uint256) {
        return whole * (MAX - _left(self)) / WHOLE;
    }

    /// @dev Takes `taken` of `whole`. Reverts with `SlashedEnough` where there isn't room for all of it.
    function use(Lately storage self, address provider, uint256 whole, uint256 taken) internal {
        Lately memory lately = self;
        uint256 room = roomOf(lately, whole);
        if (taken > room) revert SlashedEnough(provider, taken, room);
        (self.part, self.at) =
        (uint64(_left(lately) + Math.ceilDiv(taken * WHOLE, whole)), uint48(block.timestamp));
    }

    /// @dev What hasn't worn off.
    function _left(Lately memory self) private view returns (uint256) {
        uint256 worn = (block.timestamp - self.at) * MAX / PERIOD;
        return self.part > worn ? self.part - worn : 0;
    }
}
