// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IGrants} from "../interfaces/IGrants.sol";

/// @title Grants: money for work to come, by milestones
/// @notice See `IGrants`.
contract Grants is IGrants {
    using SafeERC20 for IERC20;

    /// @dev What a grant is beside its milestones.
    struct Grant {
        address grantee;
        uint8 milestones;
        bool isCancelled;
        bytes32 content;
    }

    uint256 private constant MAX_MILESTONES = 16;
    uint256 private constant LONGEST = 4 * 365 days;

    /// @inheritdoc IGrants
    address public immutable token;
    /// @inheritdoc IGrants
    address public immutable owner;
    /// @inheritdoc IGrants
    uint256 public funded;
    /// @inheritdoc IGrants
    uint256 public paid;
    /// @inheritdoc IGrants
    uint256 public returned;
    /// @inheritdoc IGrants
    uint256 public count;

    mapping(uint256 id => Grant) private _grant;
    mapping(uint256 id => mapping(uint256 index => Milestone)) private _milestone;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotGrantsOwner(msg.sender);
        _;
    }

    constructor(address owner_, address token_) {
        if (owner_ == address(0) || token_ == address(0)) revert Errors.ZeroAddress();
        owner = owner_;
        token = token_;
    }

    // BY THE OWNER

    /// @inheritdoc IGrants
    function open(address grantee, bytes32 content, Terms[] calldata terms)
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
        _grant[id] = Grant(grantee, uint8(terms.length), false, content);
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
        uint256 allowed = IERC20(token).allowance(owner, address(this));
        if (allowed != sum) revert OtherAllowance(allowed, sum);
        funded += sum;
        emit GrantOpened(id, grantee, content, sum);
        IERC20(token).safeTransferFrom(owner, address(this), sum);
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
        _sendBack(amount);
    }

    // BY ANYBODY

    /// @inheritdoc IGrants
    function withdraw(uint256 id, uint256 index) external returns (uint256 amount) {
        Milestone storage milestone = _requireMilestone(id, index);
        amount = _streamed(milestone) - milestone.paid;
        if (amount == 0) revert Errors.ZeroAmount();
        // No more than the milestone's amount.
        milestone.paid += uint96(amount);
        paid += amount;
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
        _sendBack(amount);
    }

    // VIEWS

    /// @inheritdoc IGrants
    function grantOf(uint256 id)
        external
        view
        returns (address grantee, bytes32 content, bool isCancelled, Milestone[] memory milestones)
    {
        Grant storage grant = _grant[id];
        (grantee, content, isCancelled) = (grant.grantee, grant.content, grant.isCancelled);
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

    function _sendBack(uint256 amount) private {
        returned += amount;
        if (amount != 0) IERC20(token).safeTransfer(owner, amount);
    }
}
