// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Errors} from "../../interfaces/Errors.sol";
import {IBallots} from "../../interfaces/IBallots.sol";
import {IPower} from "../../interfaces/IPower.sol";
import {ITracks} from "../../interfaces/ITracks.sol";
import {Shares} from "../../libraries/Shares.sol";
import {Hex} from "../../migration/Hex.sol";
import {Casts} from "./Casts.sol";
import {Choices} from "./Choices.sol";
import {Rows} from "./Rows.sol";
import {Tally} from "./Tally.sol";
import {VoteMessage} from "./VoteMessage.sol";

/// @title Polls: counts the votes of ballots
/// @notice See `IBallots`.
/// @dev A provider's vote weighs its whole pool less what its delegators vote with themselves, whoever is
/// counted first: what they take is taken out of its vote, or of what it will have.
abstract contract Polls is IBallots {
    using Tally for Tally.Sums;
    using Casts for uint256;

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
        uint256 gained;
        uint256 lost;
        /// Of `Basic` and `Single`: what the sum of each choice changes by, modulo 2^256.
        uint256[] changes;
        /// The pool that was looked up last, and its provider again where the row says that it is its own.
        address provider;
        uint256 assets;
        uint256 shares;
        address known;
    }

    /// @dev What is counted of a ballot.
    struct Counts {
        Tally.Sums sums;
        mapping(address voter => uint256 word) cast;
        /// The choices of `Weighted`.
        mapping(address voter => uint256) weights;
        mapping(address provider => PoolCast) pool;
    }

    uint256 private constant BPS = 10_000;
    uint256 private constant POSTING = 1 days;
    uint256 private constant FAST_POSTING = 3 hours;
    /// @dev Clocks of voters may be so much off.
    uint256 private constant TOLERANCE = 5 minutes;
    /// @dev Of the supply: the least electorate.
    uint256 private constant LEAST_ELECTORATE_BPS = 500;
    /// @dev Bits of a row's parts that stand for pools.
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
    mapping(bytes32 id => Counts) private _counts;

    constructor(address token_, address power_, ITracks tracks_, string memory space_) {
        if (token_ == address(0) || power_ == address(0) || address(tracks_) == address(0)) {
            revert Errors.ZeroAddress();
        }
        (token, power, tracks) = (token_, power_, tracks_);
        (space, _spaceHash) = (space_, keccak256(bytes(space_)));
    }

    // VOTE

    /// @inheritdoc IBallots
    function post(bytes32 id, bytes calldata rows) external {
        Poll memory poll = _open(id);
        if (block.timestamp + TOLERANCE < poll.until) poll.until = block.timestamp + TOLERANCE;
        VoteMessage.Message memory message =
            VoteMessage.begin(poll.kind, _spaceHash, keccak256(Hex.ofWord(id)));
        uint256 free;
        uint256 at;
        assembly ("memory-safe") {
            free := mload(0x40)
            at := rows.offset
        }
        uint256 end = at + rows.length;
        for (uint256 i = 0; at < end; ++i) {
            bool isCounted;
            Reason reason;
            (isCounted, reason, at) = _countRow(poll, message, at, end);
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
        (uint256 chosen,) = Choices.read(poll.kind, poll.choices, choice);
        if (chosen == 0) revert NoSuchChoice();
        // It counts instead of whatever was counted before.
        uint256 stamp = Casts.stampOf(uint32(block.timestamp), type(uint32).max);
        uint256 old = _counts[id].cast[msg.sender].stampIn();
        if (old >= stamp) stamp = uint64((old + 1) | type(uint32).max);
        (bool isCounted,) = _count(poll, msg.sender, chosen, stamp, parts);
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
        return _counts[id].sums.all(_ballot[id].kind, _ballot[id].choices);
    }

    /// @inheritdoc IBallots
    function leaderOf(bytes32 id) external view returns (uint256) {
        return _counts[id].sums.leader(_ballot[id].kind, _ballot[id].choices);
    }

    /// @inheritdoc IBallots
    function voteOf(bytes32 id, address voter) external view returns (Vote memory) {
        Counts storage counts = _counts[id];
        uint256 word = counts.cast[voter];
        return word.toVote(_choiceOf(counts, _ballot[id].kind, voter, word));
    }

    /// @inheritdoc IBallots
    function overriddenOf(bytes32 id, address provider) external view returns (uint256) {
        return _counts[id].pool[provider].overridden;
    }

    /// @inheritdoc IBallots
    function powerOf(bytes32 id, address voter) external view returns (uint32 parts, uint256 weight) {
        Poll memory poll;
        poll.snapshot = _ballot[id].snapshot;
        for (uint256 part = 0; part <= _poolsOf(voter); ++part) {
            (address provider, uint256 worth) = _worthOf(poll, voter, part);
            if (provider == voter && part != 0) {
                uint256 overridden = _counts[id].pool[voter].overridden;
                worth = worth > overridden ? worth - overridden : 0;
            }
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
        uint256 yes = _counts[id].sums.sum[FOR];
        uint256 no = _counts[id].sums.sum[AGAINST];
        return yes > no && yes * BPS >= approval * (yes + no)
            && (yes + _counts[id].sums.sum[ABSTAIN]) * BPS >= needed;
    }

    function _hasMajority(bytes32 id) private view returns (bool) {
        Ballot storage ballot = _ballot[id];
        if (ballot.kind != Kind.Basic || 2 * _counts[id].sums.sum[FOR] <= ballot.electorate) return false;
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
        poll.changes = new uint256[](poll.kind > Kind.Single ? 0 : poll.choices + 1);
    }

    /// @dev Brings what follows from the votes up to date.
    function _close(Poll memory poll) private {
        bytes32 id = poll.id;
        Ballot storage ballot = _ballot[id];
        _counts[id].sums.change(poll.changes);
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

    function _countRow(Poll memory poll, VoteMessage.Message memory message, uint256 at, uint256 end)
        private
        returns (bool isCounted, Reason reason, uint256 next)
    {
        uint256 parts;
        bytes calldata text;
        (parts, text, next) = Rows.read(at, end, message);
        poll.known = parts >> 32 == 0 ? address(0) : poll.provider;
        uint256 stamp = message.timestamp;
        if (stamp < poll.from || stamp > poll.until) return (false, Reason.OutOfTime, next);
        uint256 choice;
        (choice, message.choice) = Choices.read(poll.kind, poll.choices, text);
        if (choice == 0) return (false, Reason.BadChoice, next);
        bytes32 digest = VoteMessage.digest(message);
        stamp = Casts.stampOf(stamp, uint256(digest) >> 224);
        address voter = Rows.signerOf(at, digest);
        if (voter == address(0)) return (false, Reason.BadSignature, next);
        (isCounted, reason) = _count(poll, voter, choice, stamp, uint32(parts));
    }

    /// @dev `stamp`: when it was signed and its tag. `parts`: those to count.
    function _count(Poll memory poll, address voter, uint256 choice, uint256 stamp, uint256 parts)
        private
        returns (bool, Reason)
    {
        Counts storage counts = _counts[poll.id];
        uint256 old = counts.cast[voter];
        uint256 oldChoice = _choiceOf(counts, poll.kind, voter, old);
        bool isSame = stamp == old.stampIn() && choice == oldChoice;
        parts &= ~old.partsIn();
        if (isSame ? parts == 0 : stamp <= old.stampIn()) return (false, Reason.Outdated);
        (uint256 gained, uint256 weight) = _take(poll, counts, voter, parts);
        uint256 before = old.weightIn();
        if (isSame ? gained == 0 : weight + before == 0) return (false, Reason.NoPower);
        poll.gained += weight;
        weight += before;
        gained |= old.partsIn();
        if (choice == oldChoice) {
            _move(poll, counts, choice, before, weight);
        } else {
            if (before != 0) _move(poll, counts, oldChoice, before, 0);
            _move(poll, counts, choice, 0, weight);
        }
        old = Casts.pack(stamp, gained, weight);
        emit VoteCounted(poll.id, voter, choice, old);
        if (poll.kind != Kind.Weighted) old = old.withChoice(choice);
        else if (choice != oldChoice) counts.weights[voter] = choice;
        counts.cast[voter] = old;
        return (true, Reason.NoPower);
    }

    /// @dev A vote's weight becomes `to` where it was `from`.
    function _move(Poll memory poll, Counts storage counts, uint256 choice, uint256 from, uint256 to)
        private
    {
        if (poll.kind > Kind.Single) return counts.sums.move(poll.kind, choice, from, to);
        unchecked {
            poll.changes[choice] += to - from;
        }
    }

    /// @dev What parts of a voter's power are worth that aren't counted yet, and which of them are worth
    /// something. Stake is taken out of its provider's vote.
    function _take(Poll memory poll, Counts storage counts, address voter, uint256 parts)
        private
        returns (uint256 gained, uint256 weight)
    {
        for (uint256 part = 0; parts >> part != 0; ++part) {
            if (parts >> part & 1 == 0) continue;
            (address provider, uint256 worth) = _worthOf(poll, voter, part);
            if (worth == 0) continue;
            if (part != 0) worth = _takeStake(poll, counts, voter, provider, worth);
            if (worth == 0) continue;
            gained |= 1 << part;
            weight += worth;
        }
    }

    /// @dev Takes a delegator's stake out of its provider's vote, or the rest of its pool for a provider.
    function _takeStake(
        Poll memory poll,
        Counts storage counts,
        address voter,
        address provider,
        uint256 worth
    ) private returns (uint256) {
        PoolCast storage pool = counts.pool[provider];
        uint96 overridden = pool.overridden;
        if (provider == voter) {
            pool.isCounted = true;
            return worth > overridden ? worth - overridden : 0;
        }
        // Below all there is of the token.
        pool.overridden = overridden + uint96(worth);
        if (!pool.isCounted) return worth;
        uint256 word = counts.cast[provider];
        uint256 weight = word.weightIn();
        _move(poll, counts, _choiceOf(counts, poll.kind, provider, word), weight, weight - worth);
        // The weight is the lowest of the word, and there is as much of it.
        counts.cast[provider] = word - worth;
        poll.lost += worth;
        return worth;
    }

    /// @dev What a part of a voter's power is worth: liquid CLOI, its stake in a pool, or the whole pool
    /// where that is its own.
    function _worthOf(Poll memory poll, address voter, uint256 part)
        private
        view
        returns (address provider, uint256 worth)
    {
        if (part == 0) return (address(0), IVotes(token).getPastVotes(voter, poll.snapshot));
        uint256 pool;
        (provider, worth, pool) = IPower(power).positionOf(voter, part - 1, poll.snapshot, poll.known);
        if (provider != poll.known) {
            (poll.provider, poll.assets, poll.shares) = (provider, pool >> 128, uint128(pool));
            // What the row said was about the pool before.
            poll.known = address(0);
        }
        worth = provider == voter ? poll.assets : Shares.toAssets(worth, poll.assets, poll.shares);
    }

    function _poolsOf(address account) private view returns (uint256 pools) {
        pools = IPower(power).poolCount(account);
        if (pools > POOLS) pools = POOLS;
    }

    function _choiceOf(Counts storage counts, Kind kind, address voter, uint256 word)
        private
        view
        returns (uint256)
    {
        return kind == Kind.Weighted ? counts.weights[voter] : word.choiceIn();
    }
}
