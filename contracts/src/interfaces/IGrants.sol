// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IGrants: money for work to come, by milestones
/// @notice Governance funds a grant of up to 16 milestones. Each is confirmed by its date, and then streams
/// to the grantee, who takes what has streamed. One that isn't confirmed by its date is anybody's to send
/// back. Governance may cancel a grant: what has streamed by then stays the grantee's, the rest goes back to
/// it. It can't touch anything else, and nobody else can do anything but pay the grantee or governance.
interface IGrants {
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

    /// @notice `funded` units were put in for a grant.
    event GrantOpened(uint256 indexed id, address indexed grantee, bytes32 indexed content, uint256 funded);
    /// @notice A milestone streams from now on.
    event MilestoneConfirmed(uint256 indexed id, uint256 indexed index);
    /// @notice `amount` units of a milestone were paid to the grantee.
    event GrantPaid(uint256 indexed id, uint256 indexed index, uint256 amount);
    /// @notice `amount` units of a milestone that nobody confirmed in time went back.
    event MilestoneReturned(uint256 indexed id, uint256 indexed index, uint256 amount);
    /// @notice A grant was ended: `returned` units went back, what had streamed stays the grantee's.
    event GrantCancelled(uint256 indexed id, uint256 returned);

    /// @notice Only the contract's owner, governance's Safe, may do that; `caller` isn't it.
    error NotGrantsOwner(address caller);
    /// @notice A grant has from 1 to `most` milestones, not `count`.
    error MilestoneCount(uint256 count, uint256 most);
    /// @notice The terms of milestone `index` can't be: no amount, a date that is over or more than 4 years
    /// away, or a stream of more than 4 years.
    error BadMilestone(uint256 index);
    /// @notice The owner allows `allowed` units, and the milestones come to `needed`: nothing is left
    /// allowed for another grant.
    error OtherAllowance(uint256 allowed, uint256 needed);
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

    /// @notice The token that grants are paid in.
    function token() external view returns (address);

    /// @notice Who funds, confirms and cancels, and where money goes back to. Never changes.
    function owner() external view returns (address);

    /// @notice Units that were ever put in. `funded = paid + returned + what the contract holds`, but for
    /// tokens that somebody sent by mistake.
    function funded() external view returns (uint256);

    /// @notice Units that were ever paid to grantees.
    function paid() external view returns (uint256);

    /// @notice Units that ever went back.
    function returned() external view returns (uint256);

    /// @notice How many grants there ever were: their ids are 1 to that number.
    function count() external view returns (uint256);

    /// @notice A grant: whom it pays, what it is for (a hash), whether it was cancelled, and its milestones.
    /// A grant that there isn't has none.
    function grantOf(uint256 id)
        external
        view
        returns (address grantee, bytes32 content, bool isCancelled, Milestone[] memory milestones);

    /// @notice Units that a milestone's grantee can take now.
    function withdrawable(uint256 id, uint256 index) external view returns (uint256);

    /// @notice Opens a grant and takes what its milestones come to from the owner, which has to allow
    /// exactly that. The owner alone. Reverts with `NotGrantsOwner`, `MilestoneCount`, `BadMilestone`,
    /// `ZeroAddress`, `OtherAllowance`, and as the token does.
    /// @param content The hash of what the grant is for.
    function open(address grantee, bytes32 content, Terms[] calldata terms) external returns (uint256 id);

    /// @notice Says that a milestone is reached: it streams from now on. The owner alone. Reverts with
    /// `NotGrantsOwner`, `UnknownMilestone`, `GrantNotOpen`, `ConfirmedAlready` and `MilestoneOverdue`.
    function confirm(uint256 id, uint256 index) external;

    /// @notice Pays the grantee what of a milestone has streamed. Anybody may call it, also of a grant that
    /// was cancelled. Reverts with `UnknownMilestone`, `ZeroAmount`, and as the token does.
    function withdraw(uint256 id, uint256 index) external returns (uint256 amount);

    /// @notice Ends a grant: what has streamed stays the grantee's to take, the rest goes back to the owner.
    /// The owner alone. Reverts with `NotGrantsOwner` and `GrantNotOpen`.
    function cancel(uint256 id) external returns (uint256 amount);

    /// @notice Sends a milestone's money back to the owner that wasn't confirmed by its date. Anybody may
    /// call it. Reverts with `UnknownMilestone`, `ConfirmedAlready`, `MilestoneNotOverdue` and `ZeroAmount`.
    function sendBack(uint256 id, uint256 index) external returns (uint256 amount);
}
