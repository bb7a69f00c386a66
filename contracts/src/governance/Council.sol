// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IBallots} from "../interfaces/IBallots.sol";
import {ICouncil} from "../interfaces/ICouncil.sol";
import {ISafe} from "../interfaces/ISafe.sol";
import {ITracks} from "../interfaces/ITracks.sol";

/// @title Council: members who were elected for a while, and what enough of them may do
/// @notice See `ICouncil`.
contract Council is ICouncil {
    using SafeCast for uint256;

    /// @dev A motion as it is kept. It ends with the term that it was moved in.
    struct Kept {
        Motion motion;
        uint40 expiresAt;
        uint32 term;
        uint32 votes;
        bool isCarried;
    }

    /// @dev What may be spent of a token in a period, which begins with its first payment.
    struct Allowance {
        uint128 amount;
        uint128 spent;
        uint40 since;
    }

    uint256 private constant BPS = 10_000;
    uint256 private constant TERM = 180 days;
    uint256 private constant MOTION = 7 days;
    uint256 private constant PERIOD = 30 days;
    /// @dev So long before a term ends any election that was decided may follow it.
    uint256 private constant RENEWAL = 30 days;

    /// @inheritdoc ICouncil
    IBallots public immutable ballots;
    /// @inheritdoc ICouncil
    address public immutable safe;
    /// @inheritdoc ICouncil
    uint256 public immutable seats;
    /// @inheritdoc ICouncil
    uint256 public termEnd;
    /// @inheritdoc ICouncil
    uint256 public motionCount;

    uint16[4] private _needed;
    /// @dev Counts elections that were seated, and when the ballot of the last began.
    uint32 private _term;
    uint40 private _electedAt;
    /// @dev What took part in the last election, and what could.
    uint96 private _turnout;
    uint96 private _electorate;
    address[] private _members;
    mapping(address account => uint256) private _termOf;
    mapping(uint256 motion => Kept) private _motion;
    mapping(uint256 motion => mapping(address member => bool)) private _isFor;
    mapping(address token => Allowance) private _allowance;

    /// @param needed Of all seats, basis points that each act takes, in the order of `Act`; 0 where this body
    /// doesn't do that.
    constructor(IBallots ballots_, address safe_, uint256 seats_, uint16[4] memory needed) {
        if (address(ballots_) == address(0) || safe_ == address(0)) revert Errors.ZeroAddress();
        if (seats_ == 0 || seats_ > 32) revert Errors.OutOfBounds(seats_, 1, 32);
        for (uint256 i = 0; i < 4; ++i) {
            if (needed[i] > BPS) revert Errors.OutOfBounds(needed[i], 0, BPS);
        }
        (ballots, safe, seats, _needed) = (ballots_, safe_, seats_, needed);
    }

    /// @inheritdoc ICouncil
    function seat(bytes32 ballot, address[] calldata candidates) external {
        IBallots.Ballot memory found = ballots.ballotOf(ballot);
        uint256 until = found.end + TERM;
        if (
            found.election != keccak256(abi.encode(address(this), candidates)) || !_mayFollow(found)
                || ballots.stateOf(ballot) != IBallots.State.Decided || block.timestamp >= until
        ) revert NotAnElection(ballot);
        (_electedAt, termEnd) = (found.start, until);
        (_turnout, _electorate) = (found.turnout, found.electorate);
        uint256 term = ++_term;
        delete _members;
        uint256[] memory sums = ballots.tallyOf(ballot);
        while (_members.length < seats) {
            uint256 best = 0;
            for (uint256 i = 1; i < sums.length; ++i) {
                if (sums[i] > sums[best]) best = i;
            }
            if (sums[best] == 0) break;
            sums[best] = 0;
            address member = candidates[best];
            // Who stands twice has one seat.
            if (member == address(0) || _termOf[member] == term) continue;
            _termOf[member] = term;
            _members.push(member);
        }
        emit Seated(ballot, _members, until);
    }

    /// @inheritdoc ICouncil
    function move(Motion calldata motion) external returns (uint256 id) {
        if (!isMember(msg.sender)) revert NotAMember(msg.sender);
        if (_needed[uint256(motion.act)] == 0) revert NotThisBody();
        id = ++motionCount;
        Kept storage kept = _motion[id];
        kept.motion = motion;
        (kept.expiresAt, kept.term) = (uint40(block.timestamp + MOTION), _term);
        emit Moved(id, msg.sender, motion);
        second(id);
    }

    /// @inheritdoc ICouncil
    function second(uint256 motion) public {
        if (!isMember(msg.sender)) revert NotAMember(msg.sender);
        Kept storage kept = _motion[motion];
        if (kept.isCarried || kept.term != _term || block.timestamp >= kept.expiresAt) {
            revert MotionOver(motion);
        }
        if (_isFor[motion][msg.sender]) revert SecondedBefore(motion);
        _isFor[motion][msg.sender] = true;
        emit Seconded(motion, msg.sender);
        if (++kept.votes < neededFor(kept.motion.act)) return;
        kept.isCarried = true;
        emit Carried(motion);
        _carryOut(kept.motion);
    }

    /// @inheritdoc ICouncil
    function setAllowance(address token, uint256 amount) external {
        if (msg.sender != safe) revert ITracks.NotTheSafe(msg.sender);
        _allowance[token].amount = amount.toUint128();
        emit AllowanceSet(token, amount);
    }

    /// @inheritdoc ICouncil
    function members() external view returns (address[] memory none) {
        return block.timestamp < termEnd ? _members : none;
    }

    /// @inheritdoc ICouncil
    function isMember(address account) public view returns (bool) {
        return _term != 0 && _termOf[account] == _term && block.timestamp < termEnd;
    }

    /// @inheritdoc ICouncil
    function neededFor(Act act) public view returns (uint256) {
        return (seats * _needed[uint256(act)] + BPS - 1) / BPS;
    }

    /// @inheritdoc ICouncil
    function motionOf(uint256 motion) external view returns (MotionState memory) {
        Kept memory kept = _motion[motion];
        uint256 votes = kept.term == _term ? kept.votes : 0;
        return MotionState(kept.motion, kept.expiresAt, kept.isCarried, votes, neededFor(kept.motion.act));
    }

    /// @inheritdoc ICouncil
    function allowanceOf(address token) public view returns (uint256 amount, uint256 left) {
        Allowance memory allowance = _allowance[token];
        amount = allowance.amount;
        uint256 spent = block.timestamp < allowance.since + PERIOD ? allowance.spent : 0;
        left = amount > spent ? amount - spent : 0;
    }

    /// @dev Whether an election may follow the last one: a later one, once that one's term is nearly over;
    /// and at any time one that wasn't over when that one began and in which a greater part took part. An
    /// election has no choice against it, so that else a few would replace whom many chose.
    function _mayFollow(IBallots.Ballot memory found) private view returns (bool) {
        bool isGreater = uint256(found.turnout) * _electorate > uint256(_turnout) * found.electorate;
        if (isGreater) return found.end > _electedAt;
        return found.start > _electedAt && block.timestamp + RENEWAL >= termEnd;
    }

    function _carryOut(Motion memory motion) private {
        if (motion.act == Act.Veto) ballots.veto(motion.ballot);
        else if (motion.act == Act.MarkSpam) ballots.markSpam(motion.ballot);
        else if (motion.act == Act.Hasten) ballots.hasten(motion.ballot);
        else _spend(motion.token, motion.to, motion.amount);
    }

    function _spend(address token, address to, uint256 amount) private {
        (, uint256 left) = allowanceOf(token);
        // Nothing is too much as well where nothing is allowed: the Safe would make a call.
        if (amount > left || left == 0) revert OverAllowance(token, amount, left);
        Allowance storage allowance = _allowance[token];
        if (block.timestamp >= allowance.since + PERIOD) {
            (allowance.since, allowance.spent) = (uint40(block.timestamp), 0);
        }
        allowance.spent += amount.toUint128();
        bool isEther = token == address(0);
        (bool success, bytes memory returned) = ISafe(safe)
            .execTransactionFromModuleReturnData(
                isEther ? to : token,
                isEther ? amount : 0,
                isEther ? bytes("") : abi.encodeCall(IERC20.transfer, (to, amount)),
                0
            );
        bool isPaid =
            isEther || (returned.length == 0 ? token.code.length != 0 : abi.decode(returned, (bool)));
        if (!success || !isPaid) revert PaymentFailed();
    }
}
