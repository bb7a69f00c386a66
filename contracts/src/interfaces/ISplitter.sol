// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ISplitter: divides what comes in between the treasury and the community pool
/// @notice Fees and the treasury's part of emission are paid to this contract. Anybody has it pass on what
/// has come, at the share that holds then. It keeps nothing and pays nobody else.
interface ISplitter {
    /// @notice What of a token has come and was passed on, in base units.
    /// `collected = toTreasury + toPool`.
    struct Passed {
        uint128 toTreasury;
        uint128 toPool;
    }

    /// @notice So many of 10,000 parts are the community pool's from now on.
    event ShareSet(uint256 shareBps);
    /// @notice What had come of `token` was passed on.
    event Split(address indexed token, uint256 toTreasury, uint256 toPool);

    /// @notice The most that the pool's share may be: half, in basis points.
    function MAX_SHARE_BPS() external view returns (uint256);

    /// @notice Where what isn't the pool's goes. Never changes.
    function treasury() external view returns (address);

    /// @notice The community pool (`IGrants`). Never changes.
    function pool() external view returns (address);

    /// @notice The pool's share of what is passed on, in basis points.
    function shareBps() external view returns (uint256);

    /// @notice What was passed on of a token, ever.
    function passedOf(address token) external view returns (Passed memory);

    /// @notice What the pool is owed beside whole units, in 1/10,000 of a unit: it counts the next time, so
    /// that whoever splits often makes the pool lose nothing.
    function remainderOf(address token) external view returns (uint256);

    /// @notice Passes on what this contract has of `token`. Anybody may call it. Reverts with `ZeroAmount`,
    /// and as the token does.
    function split(address token) external returns (uint256 toTreasury, uint256 toPool);

    /// @notice Sets the pool's share. Announced. Reverts with `OutOfBounds`. What has come by then and nobody
    /// passed on is divided by the new one.
    function setShare(uint256 shareBps_) external;
}
