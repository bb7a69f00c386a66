// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ICoverageObserver: what Workers tells of coverage
/// @notice Called by Workers only. A failure is passed over, but only one that isn't for want of gas.
interface ICoverageObserver {
    /// @notice The worker is covered from `start` to `until` (Unix seconds), without a gap.
    function onCovered(address worker, address provider, uint256 start, uint256 until) external;
    /// @notice The worker's coverage ended just now.
    function onCoverageEnded(address worker, address provider) external;
    /// @notice Verifiers vouched for the worker's GPUs.
    function onGpusConfirmed(address worker) external;
}
