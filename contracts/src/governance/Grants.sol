// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IGrants} from "../interfaces/IGrants.sol";

/// @title Grants: the community pool, which pays for work to come by milestones
/// @notice See `IGrants`.
contract Grants is IGrants {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev What a grant is beside its milestones.
    struct Grant {
        address grantee;
        uint8 milestones;
        bool isCancelled;
        address token;
        bytes32 content;
    }

    uint256 private constant MAX_MILESTONES = 16;
    uint256 private constant LONGEST = 4 * 365 days;

    /// @inheritdoc IGrants
    address public immutable owner;
    /// @inheritdoc IGrants
    uint256 public count;

    mapping(address token => Book) private _book;
    mapping(uint256 id => Grant) private _grant;
    mapping(uint256 id => mapping(uint256 index => Milestone)) private _milestone;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotGrantsOwner(msg.sender);
        _;
    }

    constructor(address owner_) {
        if (owner_ == address(0)) revert Errors.ZeroAddress();
        owner = owner_;
    }

    // BY THE OWNER

    /// @inheritdoc IGrants
    function open(address grantee, address token, bytes32 content, Terms[] calldata terms)
        external
        onlyOwner
        returns (uint256 id)
    {
        if (grantee == address(0)) revert Errors.ZeroAddress();
        if (terms.length == 0 || terms.length > MAX_MILESTONES) {
            revert MilestoneCount(terms.length, MAX_MILESTONES);
        }
        id = ++count;
        // At most 16.
        _grant[id] = Grant(grantee, uint8(terms.length), false, token, content);
        uint256 sum = 0;
        for (uint256 index = 0; index < terms.length; ++index) {
            Terms calldata own = terms[index];
            if (
                own.amount == 0 || own.due <= block.timestamp || own.due > block.timestamp + LONGEST
                    || own.duration > LONGEST
            ) revert BadMilestone(index);
            _milestone[id][index] = Milestone(own.amount, 0, own.due, own.duration, 0);
            sum += own.amount;
        }
        uint256 left = free(token);
        if (sum > left) revert PoolTooSmall(token, left, sum);
        Book storage book = _book[token];
        book.granted = (book.granted + sum).toUint128();
        // No more than was ever granted.
        book.reserved += uint128(sum);
        emit GrantOpened(id, grantee, content, token, sum);
    }

    /// @inheritdoc IGrants
    function confirm(uint256 id, uint256 index) external onlyOwner {
        Milestone storage milestone = _requireMilestone(id, index);
        if (_grant[id].isCancelled) revert GrantNotOpen(id);
        if (milestone.confirmedAt != 0) revert ConfirmedAlready(id, index);
        if (block.timestamp > milestone.due) revert MilestoneOverdue(milestone.due);
        milestone.confirmedAt = uint40(block.timestamp);
        emit MilestoneConfirmed(id, index);
    }

    /// @inheritdoc IGrants
    function cancel(uint256 id) external onlyOwner returns (uint256 amount) {
        Grant storage grant = _grant[id];
        uint256 milestones = grant.milestones;
        if (milestones == 0 || grant.isCancelled) revert GrantNotOpen(id);
        grant.isCancelled = true;
        for (uint256 index = 0; index < milestones; ++index) {
            Milestone storage milestone = _milestone[id][index];
            uint256 streamed = _streamed(milestone);
            amount += milestone.amount - streamed;
            // No more than the amount was, and all of it is the grantee's from now on.
            (milestone.amount, milestone.duration) = (uint96(streamed), 0);
        }
        emit GrantCancelled(id, amount);
        _giveBack(grant.token, amount);
    }

    /// @inheritdoc IGrants
    function reclaim(address token, uint256 amount) external onlyOwner {
        if (amount == 0) revert Errors.ZeroAmount();
        uint256 left = free(token);
        if (amount > left) revert PoolTooSmall(token, left, amount);
        emit PoolReclaimed(token, amount);
        IERC20(token).safeTransfer(owner, amount);
    }

    // BY ANYBODY

    /// @inheritdoc IGrants
    function withdraw(uint256 id, uint256 index) external returns (uint256 amount) {
        Milestone storage milestone = _requireMilestone(id, index);
        amount = _streamed(milestone) - milestone.paid;
        if (amount == 0) revert Errors.ZeroAmount();
        // No more than the milestone's amount.
        milestone.paid += uint96(amount);
        address token = _grant[id].token;
        Book storage book = _book[token];
        book.reserved -= uint128(amount);
        book.paid += uint128(amount);
        emit GrantPaid(id, index, amount);
        IERC20(token).safeTransfer(_grant[id].grantee, amount);
    }

    /// @inheritdoc IGrants
    function sendBack(uint256 id, uint256 index) external returns (uint256 amount) {
        Milestone storage milestone = _requireMilestone(id, index);
        if (milestone.confirmedAt != 0) revert ConfirmedAlready(id, index);
        if (block.timestamp <= milestone.due) revert MilestoneNotOverdue(milestone.due);
        amount = milestone.amount;
        if (amount == 0) revert Errors.ZeroAmount();
        milestone.amount = 0;
        emit MilestoneReturned(id, index, amount);
        _giveBack(_grant[id].token, amount);
    }

    // VIEWS

    /// @inheritdoc IGrants
    function free(address token) public view returns (uint256) {
        uint256 held = IERC20(token).balanceOf(address(this));
        uint256 reserved = _book[token].reserved;
        return held > reserved ? held - reserved : 0;
    }

    /// @inheritdoc IGrants
    function bookOf(address token) external view returns (Book memory) {
        return _book[token];
    }

    /// @inheritdoc IGrants
    function grantOf(uint256 id)
        external
        view
        returns (
            address grantee,
            address token,
            bytes32 content,
            bool isCancelled,
            Milestone[] memory milestones
        )
    {
        Grant storage grant = _grant[id];
        (grantee, token, content, isCancelled) =
        (grant.grantee, grant.token, grant.content, grant.isCancelled);
        milestones = new Milestone[](grant.milestones);
        for (uint256 index = 0; index < milestones.length; ++index) {
            milestones[index] = _milestone[id][index];
        }
    }

    /// @inheritdoc IGrants
    function withdrawable(uint256 id, uint256 index) external view returns (uint256) {
        Milestone storage milestone = _requireMilestone(id, index);
        return _streamed(milestone) - milestone.paid;
    }

    // INTERNAL

    function _requireMilestone(uint256 id, uint256 index) private view returns (Milestone storage) {
        if (index >= _grant[id].milestones) revert UnknownMilestone(id, index);
        return _milestone[id][index];
    }

    /// @dev Units that are the grantee's by now, paid or not. Rounded down.
    function _streamed(Milestone storage milestone) private view returns (uint256) {
        uint256 from = milestone.confirmedAt;
        if (from == 0) return 0;
        uint256 elapsed = block.timestamp - from;
        uint256 duration = milestone.duration;
        if (elapsed >= duration) return milestone.amount;
        return uint256(milestone.amount) * elapsed / duration;
    }

    /// @dev What was set aside is free again. No more than that was.
    function _giveBack(address token, uint256 amount) private {
        Book storage book = _book[token];
        book.reserved -= uint128(amount);
        book.returned += uint128(amount);
    }
}
