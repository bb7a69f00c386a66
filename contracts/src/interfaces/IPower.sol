// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IPower: what every account had at stake at any second that is over
/// @notice Votes are weighed by the second before a ballot began. `Stake` tells of every change of active
/// stake; what is leaving a pool has no vote. Nobody owns the contract, and a telling can't fail, so that it
/// holds neither an exit nor a slash.
interface IPower {
    /// @notice What was at stake at `time` is known once that second is over, from `clock` on, Unix seconds.
    error NotOverYet(uint256 time, uint256 clock);

    /// @notice An account put stake into a pool that it was in never before, which is its `index`th, from 0.
    event PoolJoined(address indexed account, uint256 indexed index, address indexed provider);

    /// @notice The stake contract.
    function stake() external view returns (address);

    /// @notice Writes down what there is now: `account` has `shares` of the provider's pool, which has
    /// `poolAssets` (base units of CLOI) and `poolShares` of active stake. `account` is zero where no shares
    /// changed hands. Reverts with `NotStake`.
    function note(address provider, address account, uint256 shares, uint256 poolAssets, uint256 poolShares)
        external;

    /// @notice Base units that an account's shares of a provider's pool were worth at the end of second
    /// `time`. Reverts with `NotOverYet`.
    function stakeAt(address provider, address account, uint256 time) external view returns (uint256);

    /// @notice The same for the account's pool of an index, and whose pool that is; zeros where there is
    /// none.
    function stakeOf(address account, uint256 index, uint256 time)
        external
        view
        returns (address provider, uint256 worth);

    /// @notice What that worth comes from: the account's shares, and what the pool had, assets above and
    /// shares in the lower 128 bits. Where it is the pool of `known`, which costs a slot less to find out,
    /// `pool` is 0: the caller knows it. Reverts with `NotOverYet`.
    function positionOf(address account, uint256 index, uint256 time, address known)
        external
        view
        returns (address provider, uint256 shares, uint256 pool);

    /// @notice Base units of active stake in a provider's pool at the end of second `time`. Reverts with
    /// `NotOverYet`.
    function poolAssetsAt(address provider, uint256 time) external view returns (uint256);

    /// @notice Base units of active stake in all pools at the end of the last second.
    function totalBefore() external view returns (uint256);

    /// @notice How many pools an account was ever in.
    function poolCount(address account) external view returns (uint256);

    /// @notice The provider of an account's pool of an index, in the order in which it was in them first;
    /// zero where there is none.
    function poolAt(address account, uint256 index) external view returns (address provider);
}
