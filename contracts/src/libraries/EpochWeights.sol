// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../interfaces/Errors.sol";
import {Schedule} from "./Schedule.sol";

/// @title EpochWeights: what pools' workers weigh in each epoch, and what that earns
/// @dev A weight takes 32 bits, and those of eight epochs share a word. Epochs are ranges [from, to). What a
/// pool gets of an epoch is rounded down.
library EpochWeights {
    struct Book {
        mapping(address provider => mapping(uint256 group => uint256)) pool;
        mapping(uint256 group => uint256) total;
    }

    uint256 private constant PACKED = 8;

    /// @dev What a pool's workers weigh in an epoch, and all workers together.
    function at(Book storage self, address provider, uint256 epoch)
        internal
        view
        returns (uint256 pool, uint256 total)
    {
        (uint256 group, uint256 shift) = _place(epoch);
        pool = uint32(self.pool[provider][group] >> shift);
        total = uint32(self.total[group] >> shift);
    }

    /// @dev Adds `weight` to a pool in epochs [from, to). Reverts with `OutOfBounds` where all weights of an
    /// epoch don't fit 32 bits.
    function add(Book storage self, address provider, uint256 from, uint256 to, uint256 weight) internal {
        _change(self, provider, from, to, weight, true);
    }

    /// @dev Takes back what was added.
    function remove(Book storage self, address provider, uint256 from, uint256 to, uint256 weight) internal {
        _change(self, provider, from, to, weight, false);
    }

    /// @dev Whether a pool has weight in an epoch from `epoch` on, of at least `ahead` epochs.
    function countsFrom(Book storage self, address provider, uint256 epoch, uint256 ahead)
        internal
        view
        returns (bool)
    {
        (uint256 group, uint256 shift) = _place(epoch);
        if (self.pool[provider][group] >> shift != 0) return true;
        uint256 last = (epoch + ahead) / PACKED;
        while (++group <= last) {
            if (self.pool[provider][group] != 0) return true;
        }
        return false;
    }

    /// @dev What a pool's weights earn in epochs [from, to), in base units of CLOI.
    function earned(Book storage self, address provider, uint256 from, uint256 to)
        internal
        view
        returns (uint256 amount)
    {
        Schedule.Cursor memory cursor = Schedule.first();
        mapping(uint256 group => uint256) storage poolWeights = self.pool[provider];
        for (uint256 epoch = from; epoch < to;) {
            (uint256 group, uint256 shift) = _place(epoch);
            uint256 pool = poolWeights[group] >> shift;
            if (pool == 0) {
                epoch = (group + 1) * PACKED;
                continue;
            }
            uint256 total = self.total[group] >> shift;
            uint256 before = Schedule.forGpusBefore(cursor, epoch);
            for (; epoch < to && pool != 0; ++epoch) {
                uint256 after_ = Schedule.forGpusBefore(cursor, epoch + 1);
                uint256 weight = uint32(pool);
                // The products stay far below 2^256: a budget is below 2^90, a weight below 2^32.
                if (weight != 0) amount += (after_ - before) * weight / uint32(total);
                (before, pool, total) = (after_, pool >> 32, total >> 32);
            }
            if (epoch < to && epoch / PACKED == group) epoch = (group + 1) * PACKED;
        }
    }

    /// @dev What GPUs could have earned in those of the epochs [from, to) in which none counted, in base
    /// units of CLOI.
    function unearned(Book storage self, uint256 from, uint256 to) internal view returns (uint256 amount) {
        Schedule.Cursor memory cursor = Schedule.first();
        uint256 before = Schedule.forGpusBefore(cursor, from);
        for (uint256 epoch = from; epoch < to; ++epoch) {
            (uint256 group, uint256 shift) = _place(epoch);
            uint256 after_ = Schedule.forGpusBefore(cursor, epoch + 1);
            if (uint32(self.total[group] >> shift) == 0) amount += after_ - before;
            before = after_;
        }
    }

    function _place(uint256 epoch) private pure returns (uint256 group, uint256 shift) {
        return (epoch / PACKED, epoch % PACKED * 32);
    }

    function _change(Book storage self, address provider, uint256 from, uint256 to, uint256 weight, bool more)
        private
    {
        mapping(uint256 group => uint256) storage poolWeights = self.pool[provider];
        while (from < to) {
            (uint256 group, uint256 shift) = _place(from);
            uint256 added;
            uint256 total = self.total[group];
            for (; from < to && from / PACKED == group; ++from) {
                if (more && uint32(total >> shift) + weight > type(uint32).max) {
                    revert Errors.OutOfBounds(uint32(total >> shift) + weight, 0, type(uint32).max);
                }
                added |= weight << shift;
                shift += 32;
            }
            // No lane overflows into the next: a pool's is never above the total's, which was just checked.
            unchecked {
                if (more) {
                    (self.total[group], poolWeights[group]) = (total + added, poolWeights[group] + added);
                } else {
                    (self.total[group], poolWeights[group]) = (total - added, poolWeights[group] - added);
                }
            }
        }
    }
}
