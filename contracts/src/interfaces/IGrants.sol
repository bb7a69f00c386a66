// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IGrants: the community pool, which pays for work to come by milestones
/// @notice The pool's money is what this contract holds: its share of fees and emission, and what anybody
/// sends it. Governance grants it in up to 16 milestones, which sets it aside. Each is confirmed by its date,
/// and then streams to the grantee, who takes what has streamed. One that isn't confirmed by its date is
/// anybody's to send back. Governance may cancel a grant: what has streamed by then stays the grantee's. What
/// isn't paid goes back to the pool. Governance may have the treasury take what nobody was granted, and can't
/// touch anything else; nobody else can do anything but pay grantees or give back to the pool.
interface IGrants {
    /// @notice What was granted of a token and what became of it, in base units.
    /// `granted = paid + returned + reserved`.
    struct Book {
        /// Ever set aside for grants.
        uint128 granted;
        /// Ever paid to grantees.
        uint128 paid;
        /// Ever given back to the pool.
        uint128 returned;
        /// Set aside and not paid yet. The rest of what the pool holds is free.
        uint128 reserved;
    }

    /// @notice What is promised for one milestone.
    /// @param amount Units of the token.
    /// @param due It has to be confirmed by then, Unix seconds.
    /// @param duration Seconds that it streams from its confirmation on; 0: all of it is the grantee's at
    /// once.
    struct Terms {
        uint96 amount;
        uint40 due;
        uint40 duration;
    }

    /// @notice A milestone as it stands.
    /// @param amount Units that are the grantee's in the end. Less than promised where it was cut short, and
    /// 0 where it went back.
    /// @param paid Units of it that were paid.
    /// @param due It has to be confirmed by then, Unix seconds.
    /// @param duration Seconds that it streams from `confirmedAt` on.
    /// @param confirmedAt Unix seconds; 0 while it isn't confirmed.
    struct Milestone {
        uint96 amount;
        uint96 paid;
        uint40 due;
        uint40 duration;
        uint40 confirmedAt;
    }

    /// @notice `amount` units of the pool's `token` were set aside for a grant.
    event GrantOpened(
        uint256 indexed id, address indexed grantee, bytes32 indexed content, address token, uint256 amount
    );
    /// @notice A milestone streams from now on.
    event MilestoneConfirmed(uint256 indexed id, uint256 indexed index);
    /// @notice `amount` units of a milestone were paid to the grantee.
    event GrantPaid(uint256 indexed id, uint256 indexed index, uint256 amount);
    /// @notice `amount` units of a milestone that nobody confirmed in time went back to the pool.
    event MilestoneReturned(uint256 indexed id, uint256 indexed index, uint256 amount);
    /// @notice A grant was ended: `returned` units went back to the pool, what had streamed stays the
    /// grantee's.
    event GrantCancelled(uint256 indexed id, uint256 returned);
    /// @notice The treasury took `amount` units that nobody had been granted.
    event PoolReclaimed(address indexed token, uint256 amount);

    /// @notice Only the contract's owner, governance's Safe, may do that; `caller` isn't it.
    error NotGrantsOwner(address caller);
    /// @notice A grant has from 1 to `most` milestones, not `count`.
    error MilestoneCount(uint256 count, uint256 most);
    /// @notice The terms of milestone `index` can't be: no amount, a date that is over or more than 4 years
    /// away, or a stream of more than 4 years.
    error BadMilestone(uint256 index);
    /// @notice The pool has `free` units of the token that nobody was granted, and this takes `needed`.
    error PoolTooSmall(address token, uint256 free, uint256 needed);
    /// @notice There is no such milestone of such a grant.
    error UnknownMilestone(uint256 id, uint256 index);
    /// @notice The milestone was confirmed before.
    error ConfirmedAlready(uint256 id, uint256 index);
    /// @notice The milestone's date was `due`, Unix seconds.
    error MilestoneOverdue(uint256 due);
    /// @notice The milestone can be confirmed until `due`, Unix seconds, so it can't be sent back.
    error MilestoneNotOverdue(uint256 due);
    /// @notice The grant was cancelled before, or there is none.
    error GrantNotOpen(uint256 id);

    /// @notice Who grants, confirms and cancels: governance's Safe, which is the treasury as well. Never
    /// changes.
    function owner() external view returns (address);

    /// @notice Units of a token that the pool has and nobody was granted.
    function free(address token) external view returns (uint256);

    /// @notice What was granted of a token and what became of it.
    function bookOf(address token) external view returns (Book memory);

    /// @notice How many grants there ever were: their ids are 1 to that number.
    function count() external view returns (uint256);

    /// @notice A grant: whom it pays and in what, what it is for (a hash), whether it was cancelled, and its
    /// milestones. A grant that there isn't has none.
    function grantOf(uint256 id)
        external
        view
        returns (
            address grantee,
            address token,
            bytes32 content,
            bool isCancelled,
            Milestone[] memory milestones
        );

    /// @notice Units that a milestone's grantee can take now.
    function withdrawable(uint256 id, uint256 index) external view returns (uint256);

    /// @notice Opens a grant, and sets aside what its milestones come to. The owner alone. Reverts with
    /// `NotGrantsOwner`, `MilestoneCount`, `BadMilestone`, `ZeroAddress` and `PoolTooSmall`.
    /// @param content The hash of what the grant is for.
    function open(address grantee, address token, bytes32 content, Terms[] calldata terms)
        external
        returns (uint256 id);

    /// @notice Says that a milestone is reached: it streams from now on. The owner alone. Reverts with
    /// `NotGrantsOwner`, `UnknownMilestone`, `GrantNotOpen`, `ConfirmedAlready` and `MilestoneOverdue`.
    function confirm(uint256 id, uint256 index) external;

    /// @notice Pays the grantee what of a milestone has streamed. Anybody may call it, also of a grant that
    /// was cancelled. Reverts with `UnknownMilestone`, `ZeroAmount`, and as the token does.
    function withdraw(uint256 id, uint256 index) external returns (uint256 amount);

    /// @notice Ends a grant: what has streamed stays the grantee's to take, the rest goes back to the pool.
    /// The owner alone. Reverts with `NotGrantsOwner` and `GrantNotOpen`.
    function cancel(uint256 id) external returns (uint256 amount);

    /// @notice Gives a milestone's money back to the pool that wasn't confirmed by its date. Anybody may
    /// call it. Reverts with `UnknownMilestone`, `ConfirmedAlready`, `MilestoneNotOverdue` and `ZeroAmount`.
    function sendBack(uint256 id, uint256 index) external returns (uint256 amount);

    /// @notice Sends the owner, the treasury, units that nobody was granted. The owner alone. Reverts with
    /// `NotGrantsOwner`, `ZeroAmount` and `PoolTooSmall`, and as the token does.
    function reclaim(address token, uint256 amount) external;
}
