// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Room: what leases take of workers
/// @dev Four parts of 16 bits, from the highest: CPUs, memory, disk, GPUs, each in 65,535ths of what the
/// worker lends. The worker's agent computes a bid's room: each part rounded down, so that N leases of an Nth
/// fit, and at least 1 of what the lease takes at all.
library Room {
    /// @dev What is taken of each worker, in 64 bits, and `USED` above them: a word that never returns to
    /// zero costs less gas to change.
    struct Taken {
        mapping(address worker => uint256) word;
    }

    /// @notice `taken` of the worker's room is in use; `asked` doesn't fit.
    error NoRoom(address worker, uint64 taken, uint64 asked);

    uint256 private constant WHOLE = type(uint16).max;
    uint256 private constant USED = 1 << 64;

    /// @dev What is taken of a worker.
    function takenOf(Taken storage self, address worker) internal view returns (uint64) {
        return uint64(self.word[worker]);
    }

    /// @dev Takes `room` of a worker. Reverts with `NoRoom` where a part would go beyond the whole.
    function take(Taken storage self, address worker, uint64 room) internal {
        change(self, worker, 0, room);
    }

    /// @dev Takes `room` of a worker in place of `before`, which was taken. Reverts with `NoRoom` where a
    /// part would go beyond the whole; `taken` is what others take then.
    function change(Taken storage self, address worker, uint64 before, uint64 room) internal {
        // What was taken is in each part of the sum, so no part borrows from the next.
        uint64 taken = takenOf(self, worker) - before;
        for (uint256 shift; shift < 64; shift += 16) {
            if (uint256(uint16(taken >> shift)) + uint16(room >> shift) > WHOLE) {
                revert NoRoom(worker, taken, room);
            }
        }
        // No part overflows into the next.
        self.word[worker] = USED | (taken + room);
    }

    /// @dev Gives back what was taken.
    function giveBack(Taken storage self, address worker, uint64 room) internal {
        self.word[worker] -= room;
    }
}
