// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Errors} from "../../interfaces/Errors.sol";
import {IBallots} from "../../interfaces/IBallots.sol";
import {IPower} from "../../interfaces/IPower.sol";
import {ITracks} from "../../interfaces/ITracks.sol";
import {Hex} from "../../migration/Hex.sol";
import {Choices} from "./Choices.sol";
import {Tally} from "./Tally.sol";
import {VoteMessage} from "./VoteMessage.sol";

/// @title Polls: counts the votes of ballots
/// @notice See `IBallots`.
/// @dev A provider's vote weighs its whole pool less what its delegators vote with themselves, whoever is
/// counted first: what they take is taken out of its vote, or of what it will have.
abstract contract Polls is IBallots {
    using Tally for Tally.Sums;

    /// @dev What is counted of a voter; in one word. `choice` is elsewhere for `Weighted`.
    struct Cast {
        uint64 choice;
        uint32 timestamp;
        uint32 tag;
        uint32 parts;
        uint96 weight;
    }

    /// @dev A provider's pool in one ballot.
    struct PoolCast {
        /// What delegators voted with themselves.
        uint96 overridden;
        /// Whether the rest is in the provider's vote.
        bool isCounted;
    }

    /// @dev What counting a batch needs of its ballot, and what came of it.
    struct Poll {
        bytes32 id;
        Kind kind;
        uint256 choices;
        uint256 snapshot;
        /// Votes are signed from and until then.
        uint256 from;
        uint256 until;
        bytes32 voteType;
        bytes32 proposal;
        uint256 gained;
        uint256 lost;
    }

    uint256 private constant BPS = 10_000;
    uint256 private constant POSTING = 1 days;
    uint256 private constant FAST_POSTING = 3 hours;
    /// @dev Clocks of voters may be so much off.
    uint256 private constant TOLERANCE = 5 minutes;
    /// @dev Of the supply: the least electorate.
    uint256 private constant LEAST_ELECTORATE_BPS = 500;
    /// @dev Bits of `Row.parts` that stand for pools.
    uint256 private constant POOLS = 31;
    uint256 private constant FOR = 1;
    uint256 private constant AGAINST = 2;
    uint256 private constant ABSTAIN = 3;

    /// @inheritdoc IBallots
    address public immutable token;
    /// @inheritdoc IBallots
    ITracks public immutable tracks;
    /// @inheritdoc IBallots
    address public immutable power;
    bytes32 private immutable _spaceHash;
    /// @inheritdoc IBallots
    string public space;

    mapping(bytes32 id => Ballot) internal _ballot;
    mapping(bytes32 id => Tally.Sums) private _sums;
    mapping(bytes32 id => mapping(address voter => uint256 word)) private _cast;
    mapping(bytes32 id => mapping(address voter => uint256)) private _weights;
    mapping(bytes32 id => mapping(address provider => PoolCast)) private _pool;

    constructor(address token_, address power_, ITracks tracks_, string memory space_) {
        if (token_ == address(0) || power_ == address(0) || address(tracks_) == address(0)) {
            revert Errors.ZeroAddress();
        }
        (token, power, tracks) = (token_, power_, tracks_);
        (space, _spaceHash) = (space_, keccak256(bytes(space_)));
    }

    // VOTE

    /// @inheritdoc IBallots
    function post(bytes32 id, Row[] calldata rows) external {
        Poll memory poll = _open(id);
        if (block.timestamp + TOLERANCE < poll.until) poll.until = block.timestamp + TOLERANCE;
        poll.voteType = VoteMessage.typeOf(poll.kind);
        poll.proposal = keccak256(Hex.ofWord(id));
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        for (uint256 i = 0; i < rows.length; ++i) {
            (bool isCounted, Reason reason) = _countRow(poll, rows[i]);
            if (!isCounted) emit Skipped(id, i, reason);
            // Nothing that a row needed memory for is needed any more.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
        }
        _close(poll);
    }

    /// @inheritdoc IBallots
    function vote(bytes32 id, bytes calldata choice, uint32 parts) external {
        Poll memory poll = _open(id);
        if (block.timestamp >= poll.until) revert WrongState(id, stateOf(id));
        uint256 chosen = Choices.read(poll.kind, poll.choices, choice);
        if (chosen == 0) revert NoSuchChoice();
        // It counts instead of whatever was counted before.
        Cast memory old = _unpack(_cast[id][msg.sender]);
        uint32 timestamp = uint32(block.timestamp);
        if (old.timestamp >= timestamp) timestamp = old.timestamp + (old.tag == type(uint32).max ? 1 : 0);
        (bool isCounted,) = _count(poll, msg.sender, chosen, Cast(0, timestamp, type(uint32).max, parts, 0));
        if (!isCounted) revert NoPowerThen(msg.sender, poll.snapshot);
        _close(poll);
    }

    // VIEWS

    /// @inheritdoc IBallots
    function stateOf(bytes32 id) public view virtual returns (State);

    /// @inheritdoc IBallots
    function ballotOf(bytes32 id) external view returns (Ballot memory) {
        return _ballot[id];
    }

    /// @inheritdoc IBallots
    function postingEndOf(bytes32 id) public view returns (uint256) {
        return _ballot[id].end + _postingOf(_ballot[id]);
    }

    /// @inheritdoc IBallots
    function tallyOf(bytes32 id) external view returns (uint256[] memory) {
        return _sums[id].all(_ballot[id].kind, _ballot[id].choices);
    }

    /// @inheritdoc IBallots
    function leaderOf(bytes32 id) external view returns (uint256) {
        return _sums[id].leader(_ballot[id].kind, _ballot[id].choices);
    }

    /// @inheritdoc IBallots
    function voteOf(bytes32 id, address voter) external view returns (Vote memory) {
        Cast memory cast = _unpack(_cast[id][voter]);
        return
            Vote(
                _choiceOf(_ballot[id].kind, id, voter, cast),
                cast.timestamp,
                cast.tag,
                cast.parts,
                cast.weight
            );
    }

    /// @inheritdoc IBallots
    function overriddenOf(bytes32 id, address provider) external view returns (uint256) {
        return _pool[id][provider].overridden;
    }

    /// @inheritdoc IBallots
    function powerOf(bytes32 id, address voter) external view returns (uint32 parts, uint256 weight) {
        uint256 snapshot = _ballot[id].snapshot;
        for (uint256 part = 0; part <= _poolsOf(voter); ++part) {
            (address provider, uint256 worth) = _worthOf(voter, part, snapshot);
            if (provider == voter && part != 0) worth -= _pool[id][voter].overridden;
            if (worth == 0) continue;
            parts |= uint32(1 << part);
            weight += worth;
        }
    }

    /// @inheritdoc IBallots
    function powerAt(address account, uint256 time) public view returns (uint256 weight) {
        weight = IVotes(token).getPastVotes(account, time);
        for (uint256 i = 0; i < _poolsOf(account); ++i) {
            (, uint256 worth) = IPower(power).stakeOf(account, i, time);
            weight += worth;
        }
    }

    /// @inheritdoc IBallots
    function digestOf(bytes32 id, Row calldata row) external view returns (bytes32) {
        Ballot storage ballot = _ballot[id];
        if (ballot.start == 0) revert UnknownBallot(id);
        if (Choices.read(ballot.kind, ballot.choices, row.choice) == 0) revert NoSuchChoice();
        return VoteMessage.digest(
            VoteMessage.typeOf(ballot.kind),
            _spaceHash,
            keccak256(Hex.ofWord(id)),
            VoteMessage.choiceWord(ballot.kind, row.choice),
            row
        );
    }

    // OUTCOME

    /// @dev A ballot's rules.
    function _rulesOf(Ballot storage ballot) internal view returns (ITracks.Track memory) {
        return tracks.rulesOf(ballot.track, ballot.rules);
    }

    /// @dev When a ballot's calls were vetoed, so that more is needed; 0 where they weren't.
    function _vetoOf(Ballot storage ballot) internal view virtual returns (uint256);

    function _mostChoices(Kind kind) internal pure returns (uint256) {
        return Choices.most(kind);
    }

    /// @dev Whether a ballot passes with the votes posted so far, the voting being over.
    function _passes(bytes32 id) internal view returns (bool) {
        Ballot storage ballot = _ballot[id];
        ITracks.Track memory rules = _rulesOf(ballot);
        uint256 vetoedAt = _vetoOf(ballot);
        // They pass again by a ballot that knows of the veto, not by one that was there beside the vetoed
        // one.
        if (vetoedAt > ballot.start) return false;
        // What was hastened needs as much: few had the time to be against it.
        bool again = ballot.isFast || vetoedAt != 0;
        return _reaches(
            id, again ? rules.approvalAgain : rules.approvalEnd, again ? rules.supportAgain : rules.supportEnd
        );
    }

    /// @dev Whether a majority of all power has been for a ballot for long enough to pass it early.
    function _isEarly(bytes32 id) internal view returns (bool) {
        Ballot storage ballot = _ballot[id];
        uint256 since = ballot.majoritySince;
        if (since == 0 || ballot.content == 0) return false;
        return block.timestamp >= since + _rulesOf(ballot).confirmPeriod && _passes(id);
    }

    /// @dev All power that there is at the end of the last second; of what is registered and staked at the
    /// least a twentieth of all CLOI, so that a few can't decide for all while nobody else is there yet.
    function _electorate(uint256 snapshot) internal view returns (uint256 all) {
        all = IPower(power).totalBefore() + IVotes(token).getPastTotalSupply(snapshot);
        uint256 least = IERC20(token).totalSupply() * LEAST_ELECTORATE_BPS / BPS;
        if (all < least) all = least;
    }

    function _reaches(bytes32 id, uint256 approval, uint256 support) private view returns (bool) {
        Ballot storage ballot = _ballot[id];
        uint256 needed = support * ballot.electorate;
        if (ballot.kind != Kind.Basic) return ballot.turnout != 0 && ballot.turnout * BPS >= needed;
        uint256 yes = _sums[id].sum[FOR];
        uint256 no = _sums[id].sum[AGAINST];
        return
            yes > no && yes * BPS >= approval * (yes + no) && (yes + _sums[id].sum[ABSTAIN]) * BPS >= needed;
    }

    function _hasMajority(bytes32 id) private view returns (bool) {
        Ballot storage ballot = _ballot[id];
        if (ballot.kind != Kind.Basic || 2 * _sums[id].sum[FOR] <= ballot.electorate) return false;
        ITracks.Track memory rules = _rulesOf(ballot);
        uint256 passed = block.timestamp - ballot.start;
        uint256 whole = rules.votingPeriod;
        return _reaches(
            id,
            _curve(rules.approvalStart, rules.approvalEnd, passed, whole),
            _curve(rules.supportStart, rules.supportEnd, passed, whole)
        );
    }

    /// @dev What a curve asks for, `passed` seconds into a voting of `whole`.
    function _curve(uint256 start, uint256 end, uint256 passed, uint256 whole)
        private
        pure
        returns (uint256)
    {
        return passed >= whole ? end : start - (start - end) * passed / whole;
    }

    function _postingOf(Ballot storage ballot) internal view returns (uint256) {
        return ballot.isFast ? FAST_POSTING : POSTING;
    }

    // COUNTING

    /// @dev Reverts unless votes of a ballot can be posted.
    function _open(bytes32 id) private view returns (Poll memory poll) {
        Ballot storage ballot = _ballot[id];
        if (ballot.start == 0) revert UnknownBallot(id);
        if (ballot.executableAt != 0 || block.timestamp >= postingEndOf(id)) {
            revert WrongState(id, stateOf(id));
        }
        (poll.id, poll.kind, poll.choices) = (id, ballot.kind, ballot.choices);
        (poll.snapshot, poll.from, poll.until) = (ballot.snapshot, ballot.start - TOLERANCE, ballot.end);
    }

    /// @dev Brings what follows from the votes up to date.
    function _close(Poll memory poll) private {
        bytes32 id = poll.id;
        Ballot storage ballot = _ballot[id];
        if (poll.gained != poll.lost) ballot.turnout = uint96(ballot.turnout + poll.gained - poll.lost);
        bool hasMajority = _hasMajority(id);
        if (hasMajority != (ballot.majoritySince != 0)) {
            ballot.majoritySince = hasMajority ? uint40(block.timestamp) : 0;
        }
        bool passes = _passes(id);
        if (passes == ballot.isPassing) return;
        ballot.isPassing = passes;
        uint256 posting = _postingOf(ballot);
        if (ballot.isExtended || block.timestamp + posting / 2 < postingEndOf(id)) return;
        uint256 end = block.timestamp + posting;
        (ballot.isExtended, ballot.end) = (true, uint40(end));
        emit BallotExtended(id, end);
    }

    function _countRow(Poll memory poll, Row calldata row) private returns (bool, Reason) {
        uint256 timestamp = row.timestamp;
        if (timestamp < poll.from || timestamp > poll.until) return (false, Reason.OutOfTime);
        bytes calldata text = row.choice;
        uint256 choice = Choices.read(poll.kind, poll.choices, text);
        if (choice == 0) return (false, Reason.BadChoice);
        bytes32 digest = VoteMessage.digest(
            poll.voteType, _spaceHash, poll.proposal, VoteMessage.choiceWord(poll.kind, text), row
        );
        (address voter, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, row.v, row.r, row.s);
        if (problem != ECDSA.RecoverError.NoError) return (false, Reason.BadSignature);
        return _count(poll, voter, choice, Cast(0, uint32(timestamp), uint32(bytes4(digest)), row.parts, 0));
    }

    /// @dev `next`: when and how it was signed, and the parts to count.
    function _count(Poll memory poll, address voter, uint256 choice, Cast memory next)
        private
        returns (bool, Reason)
    {
        Cast memory cast = _unpack(_cast[poll.id][voter]);
        uint256 oldChoice = _choiceOf(poll.kind, poll.id, voter, cast);
        bool isSame = next.timestamp == cast.timestamp && next.tag == cast.tag && choice == oldChoice;
        next.parts &= ~cast.parts;
        if (!(isSame ? next.parts != 0 : _isNewer(next, cast))) return (false, Reason.Outdated);
        (uint32 gained, uint256 weight) = _take(poll, voter, next.parts);
        if (isSame ? gained == 0 : weight + cast.weight == 0) return (false, Reason.NoPower);
        poll.gained += weight;
        weight += cast.weight;
        _move(poll, oldChoice, cast.weight, choice, weight);
        if (poll.kind != Kind.Weighted) next.choice = uint64(choice);
        else if (choice != oldChoice) _weights[poll.id][voter] = choice;
        (next.parts, next.weight) = (cast.parts | gained, uint96(weight));
        _cast[poll.id][voter] = _pack(next);
        emit VoteCounted(poll.id, voter, choice, next.timestamp, next.parts, next.weight);
        return (true, Reason.NoPower);
    }

    /// @dev Which of two votes counts, whichever came first.
    function _isNewer(Cast memory next, Cast memory cast) private pure returns (bool) {
        if (next.timestamp != cast.timestamp) return next.timestamp > cast.timestamp;
        return next.tag > cast.tag;
    }

    function _move(Poll memory poll, uint256 oldChoice, uint256 before, uint256 choice, uint256 weight)
        private
    {
        Tally.Sums storage sums = _sums[poll.id];
        if (choice == oldChoice) return sums.move(poll.kind, choice, before, weight);
        if (before != 0) sums.move(poll.kind, oldChoice, before, 0);
        sums.move(poll.kind, choice, 0, weight);
    }

    /// @dev What parts of a voter's power are worth that aren't counted yet, and which of them are worth
    /// something. Stake is taken out of its provider's vote.
    function _take(Poll memory poll, address voter, uint32 parts)
        private
        returns (uint32 gained, uint256 weight)
    {
        for (uint256 part = 0; parts >> part != 0; ++part) {
            if (parts >> part & 1 == 0) continue;
            (address provider, uint256 worth) = _worthOf(voter, part, poll.snapshot);
            if (worth == 0) continue;
            if (part != 0) worth = _takeStake(poll, voter, provider, worth);
            if (worth == 0) continue;
            gained |= uint32(1 << part);
            weight += worth;
        }
    }

    /// @dev Takes a delegator's stake out of its provider's vote, or the rest of its pool for a provider.
    function _takeStake(Poll memory poll, address voter, address provider, uint256 worth)
        private
        returns (uint256)
    {
        PoolCast storage pool = _pool[poll.id][provider];
        uint96 overridden = pool.overridden;
        if (provider == voter) {
            pool.isCounted = true;
            return worth - overridden;
        }
        // Below all there is of the token.
        pool.overridden = overridden + uint96(worth);
        if (!pool.isCounted) return worth;
        Cast memory cast = _unpack(_cast[poll.id][provider]);
        uint256 choice = _choiceOf(poll.kind, poll.id, provider, cast);
        _sums[poll.id].move(poll.kind, choice, cast.weight, cast.weight - worth);
        cast.weight -= uint96(worth);
        _cast[poll.id][provider] = _pack(cast);
        poll.lost += worth;
        return worth;
    }

    /// @dev What a part of a voter's power is worth: liquid CLOI, its stake in a pool, or the whole pool
    /// where that is its own.
    function _worthOf(address voter, uint256 part, uint256 snapshot)
        private
        view
        returns (address provider, uint256 worth)
    {
        if (part == 0) return (address(0), IVotes(token).getPastVotes(voter, snapshot));
        (provider, worth) = IPower(power).stakeOf(voter, part - 1, snapshot);
        if (provider == voter) worth = IPower(power).poolAssetsAt(voter, snapshot);
    }

    function _poolsOf(address account) private view returns (uint256 pools) {
        pools = IPower(power).poolCount(account);
        if (pools > POOLS) pools = POOLS;
    }

    function _choiceOf(Kind kind, bytes32 id, address voter, Cast memory cast)
        private
        view
        returns (uint256)
    {
        return kind == Kind.Weighted ? _weights[id][voter] : cast.choice;
    }

    function _pack(Cast memory cast) private pure returns (uint256) {
        return uint256(cast.choice) << 192 | uint256(cast.timestamp) << 160 | uint256(cast.tag) << 128
            | uint256(cast.parts) << 96 | cast.weight;
    }

    function _unpack(uint256 word) private pure returns (Cast memory) {
        return
            Cast(
                uint64(word >> 192),
                uint32(word >> 160),
                uint32(word >> 128),
                uint32(word >> 96),
                uint96(word)
            );
    }
}
