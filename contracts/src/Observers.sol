// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What Workers tells of coverage to whoever weighs it. A failure is passed over, but only one that isn't for want of gas.
interface ICoverageObserver {
    /// @notice The worker is covered from `start` to `until` (Unix seconds), without a gap.
    function onCovered(address worker, address provider, uint256 start, uint256 until) external;
    /// @notice The worker's coverage ended just now.
    function onCoverageEnded(address worker, address provider) external;
    /// @notice Verifiers vouched for the worker's GPUs.
    function onGpusConfirmed(address worker) external;
}

/// @notice Where Stake has rewards from.
interface IRewarder {
    /// @notice What the GPUs of a provider's workers earned in epochs that have ended since this was last asked. Stake only.
    /// @return amount Base units of CLOI.
    /// @return done Whether no ended epoch is left over.
    function settle(address provider) external returns (uint256 amount, bool done);
    /// @notice Creates tokens for an account, out of what has been emitted. Stake only.
    function pay(address account, uint256 amount) external;
    /// @notice Looks again at what a worker's GPUs weigh, after its collateral changed. Anybody.
    function weigh(address worker) external;
    /// @notice Whether a pool has the collateral that is locked in it. Stake only.
    function setBacked(address provider, bool backed) external;
}
