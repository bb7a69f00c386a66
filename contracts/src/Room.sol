// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Room: what leases take of a worker
/// @dev Four parts of 16 bits, from the highest: CPUs, memory, disk, GPUs, each in 65,535ths of what the worker lends. The worker's
/// agent reckons a bid's room: rounded down, so that N Nths are no more than the whole, and at least one of what is taken at all.
library Room {
    uint256 private constant WHOLE = type(uint16).max;

    /// @dev Whether `more` can be taken where `taken` is. Then their sum, as plain numbers, is the sum of each part.
    function fits(uint64 taken, uint64 more) internal pure returns (bool) {
        for (uint256 shift; shift < 64; shift += 16) {
            if (uint256(uint16(taken >> shift)) + uint16(more >> shift) > WHOLE) return false;
        }
        return true;
    }
}
