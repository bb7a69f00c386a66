// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Schedule: how many CLOI there are to earn by any instant
/// @notice 700,000,000 over time. Each period of 180 days emits a quarter of what was left when it began,
/// evenly by the second, so a period's budget is three quarters of the one before it and the sum never
/// reaches the total. 20% are the treasury's, 40% go to all stake, 40% to GPU workers, whose part is dealt
/// out in epochs of an hour.
/// @dev Amounts in base units of CLOI. Every figure is a difference of two values of one cumulative
/// function, rounded down, so parts add up exactly, however time is cut. `elapsed` is seconds since emission
/// began.
library Schedule {
    uint256 internal constant TOTAL = 700_000_000e18;
    uint256 internal constant PERIOD = 180 days;
    uint256 internal constant EPOCH = 1 hours;

    /// @dev The period that a walk through time is in.
    struct Cursor {
        /// Seconds since the beginning at which it ends.
        uint256 end;
        /// What was left when it began.
        uint256 left;
    }

    /// @dev Everything emitted after `elapsed` seconds.
    function emitted(uint256 elapsed) internal pure returns (uint256) {
        return emitted(first(), elapsed);
    }

    /// @dev What of it is for all stake; as much is for GPU workers.
    function forStake(uint256 elapsed) internal pure returns (uint256) {
        return emitted(elapsed) * 2 / 5;
    }

    /// @dev What of it falls to all stake between two instants.
    function forStakeBetween(uint256 from, uint256 to) internal pure returns (uint256) {
        Cursor memory cursor = first();
        uint256 before = emitted(cursor, from) * 2 / 5;
        return emitted(cursor, to) * 2 / 5 - before;
    }

    /// @dev What of it is the treasury's: the rest.
    function forTreasury(uint256 elapsed) internal pure returns (uint256) {
        uint256 all = emitted(elapsed);
        return all - 2 * (all * 2 / 5);
    }

    /// @dev A walk from the beginning.
    function first() internal pure returns (Cursor memory) {
        return Cursor(PERIOD, TOTAL);
    }

    /// @dev Everything emitted after `elapsed` seconds, which must not be before the cursor's period; moves
    /// the cursor there.
    function emitted(Cursor memory cursor, uint256 elapsed) internal pure returns (uint256) {
        unchecked {
            (uint256 end, uint256 left) = (cursor.end, cursor.left);
            if (elapsed >= end) {
                // With fewer than four units left nothing is emitted any more, and time may go on.
                while (elapsed >= end && left > 3) {
                    left -= left / 4;
                    end += PERIOD;
                }
                (cursor.end, cursor.left) = (end, left);
                if (left < 4) return TOTAL - left;
            }
            return TOTAL - left + within(left, elapsed + PERIOD - end);
        }
    }

    /// @dev What a period that began with `left` emits in its first `seconds_` seconds, of `PERIOD`: a
    /// quarter, evenly.
    function within(uint256 left, uint256 seconds_) internal pure returns (uint256) {
        unchecked {
            return left / 4 * seconds_ / PERIOD;
        }
    }

    /// @dev What GPU workers can have earned when epoch `epoch` begins.
    function forGpusBefore(Cursor memory cursor, uint256 epoch) internal pure returns (uint256) {
        return emitted(cursor, epoch * EPOCH) * 2 / 5;
    }
}
