// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IRewarder: where Stake gets rewards from
/// @dev Amounts in base units of CLOI.
interface IRewarder {
    /// @notice What the GPUs of a provider's workers earned in epochs that have ended since this was last
    /// called. Stake only.
    /// @return amount Base units of CLOI.
    /// @return done Whether no ended epoch is left over.
    function settle(address provider) external returns (uint256 amount, bool done);

    /// @notice Creates tokens for an account, out of what has been emitted. Stake only.
    function pay(address account, uint256 amount) external;

    /// @notice Computes anew what a worker's GPUs weigh, from their verdict, their collateral and the
    /// worker's coverage, and counts what can be counted. Happens by itself; anybody may call it all the
    /// same, and it changes nothing that isn't so.
    function weigh(address worker) external;

    /// @notice Whether a pool has the collateral that is locked in it. Stake only.
    function setBacked(address provider, bool backed) external;
}
