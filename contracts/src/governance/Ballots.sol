// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IBallots} from "../interfaces/IBallots.sol";
import {IGoverned} from "../interfaces/IGoverned.sol";
import {ISafe} from "../interfaces/ISafe.sol";
import {ELECTION, EMERGENCY, ITracks, LONG_TIMELOCK} from "../interfaces/ITracks.sol";
import {Polls} from "./ballots/Polls.sol";

/// @title Ballots: proposals, votes that were signed for free, and what comes of them
/// @notice See `IBallots`. Votes are counted in `Polls`, what may be proposed is for `Tracks` to say.
contract Ballots is IBallots, Polls {
    using SafeERC20 for IERC20;

    /// @dev What a deployment begins with.
    struct Parts {
        address token;
        address power;
        ITracks tracks;
        address safe;
        address council;
        address committee;
        string space;
    }

    /// @dev A ballot is queued, and later executed, within so many seconds.
    uint256 private constant WINDOW = 14 days;
    uint256 private constant FAST_VOTING = 12 hours;
    uint256 private constant FAST_TIMELOCK = 3 hours;
    uint256 private constant MAX_URI = 512;
    uint256 private constant MAX_CALLS = 32;

    /// @inheritdoc IBallots
    address public immutable safe;
    /// @inheritdoc IBallots
    address public council;
    /// @inheritdoc IBallots
    address public committee;
    /// @inheritdoc IBallots
    mapping(address proposer => uint256) public proposedBy;
    /// @dev When calls were vetoed; 0 where they never were.
    mapping(bytes32 content => uint256) private _vetoedAt;

    /// @dev Which ballot announced a change last: keccak256(abi.encode(target, change)).
    mapping(bytes32 announcement => bytes32 id) private _announcedBy;

    modifier onlySafe() {
        if (msg.sender != safe) revert ITracks.NotTheSafe(msg.sender);
        _;
    }

    constructor(Parts memory parts) Polls(parts.token, parts.power, parts.tracks, parts.space) {
        if (parts.safe == address(0)) revert Errors.ZeroAddress();
        safe = parts.safe;
        _setBrakes(parts.council, parts.committee);
    }

    // PROPOSE AND VOTE

    /// @inheritdoc IBallots
    function propose(Proposal calldata proposal) external returns (bytes32 id) {
        (ITracks.Track memory rules, uint256 number) = tracks.trackOf(proposal.track);
        _requireWellFormed(proposal);
        tracks.requireAllowed(proposal.track, proposal.calls);
        uint256 snapshot = block.timestamp - 1;
        uint256 found = powerAt(msg.sender, snapshot);
        if (found < rules.minPower) revert TooLittlePower(found, rules.minPower);
        id = idOf(msg.sender, proposedBy[msg.sender]++, proposal);
        uint256 end = block.timestamp + rules.votingPeriod;
        uint256 electorate = _electorate(snapshot);
        Ballot storage ballot = _ballot[id];
        (ballot.proposer, ballot.track, ballot.rules) = (msg.sender, proposal.track, uint16(number));
        (ballot.kind, ballot.choices) = (proposal.kind, proposal.choices);
        (ballot.snapshot, ballot.start, ballot.end) = (uint40(snapshot), uint40(block.timestamp), uint40(end));
        (ballot.electorate, ballot.bond) = (uint96(electorate), rules.bond);
        if (proposal.calls.length != 0) ballot.content = keccak256(abi.encode(proposal.calls));
        if (proposal.body != address(0)) {
            ballot.election = keccak256(abi.encode(proposal.body, proposal.candidates));
        }
        emit BallotProposed(id, msg.sender, proposal.track, proposal, snapshot, end, electorate);
        if (rules.bond != 0) IERC20(token).safeTransferFrom(msg.sender, address(this), rules.bond);
    }

    // CARRY OUT

    /// @inheritdoc IBallots
    function queue(bytes32 id, Call[] calldata calls) external {
        _requireState(id, State.Passed);
        Ballot storage ballot = _ballot[id];
        _requireCalls(ballot, calls);
        uint256 timelock = ballot.isFast ? FAST_TIMELOCK : _rulesOf(ballot).timelock;
        for (uint256 i = 0; i < calls.length; ++i) {
            if (calls[i].announced && timelock < LONG_TIMELOCK) timelock = LONG_TIMELOCK;
        }
        uint256 executableAt = block.timestamp + timelock;
        bool isVetoProof = isVetoed(ballot.content);
        (ballot.executableAt, ballot.isVetoProof) = (uint40(executableAt), isVetoProof);
        emit BallotQueued(id, executableAt, isVetoProof);
        for (uint256 i = 0; i < calls.length; ++i) {
            if (!calls[i].announced) continue;
            _announcedBy[_announcement(calls[i])] = id;
            bytes memory data = abi.encodeCall(IGoverned.announce, (calls[i].data));
            _call(i, calls[i].target, 0, data);
        }
    }

    /// @inheritdoc IBallots
    function execute(bytes32 id, Call[] calldata calls) external {
        _requireState(id, State.Executable);
        Ballot storage ballot = _ballot[id];
        _requireCalls(ballot, calls);
        ballot.isExecuted = true;
        emit BallotExecuted(id);
        tracks.charge(ballot.track, calls);
        for (uint256 i = 0; i < calls.length; ++i) {
            _call(i, calls[i].target, calls[i].value, calls[i].data);
        }
    }

    /// @inheritdoc IBallots
    function callOffAnnounced(bytes32 id, Call[] calldata calls) external {
        State state = stateOf(id);
        if (state != State.VetoedOnce && state != State.Expired) revert WrongState(id, state);
        _requireCalls(_ballot[id], calls);
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes32 announcement = _announcement(calls[i]);
            if (_announcedBy[announcement] != id) continue;
            bytes memory data = abi.encodeCall(IGoverned.callOff, (keccak256(calls[i].data)));
            (bool success,) = ISafe(safe).execTransactionFromModuleReturnData(calls[i].target, 0, data, 0);
            if (success) delete _announcedBy[announcement];
        }
    }

    /// @inheritdoc IBallots
    function payBond(bytes32 id) external {
        State state = stateOf(id);
        if (state <= State.Passed) revert WrongState(id, state);
        Ballot storage ballot = _ballot[id];
        if (ballot.isBondPaid) revert BondAlreadyPaid(id);
        ballot.isBondPaid = true;
        address to = ballot.isSpam && state == State.Rejected ? safe : ballot.proposer;
        uint256 bond = ballot.bond;
        emit BondPaid(id, to, bond);
        if (bond != 0) IERC20(token).safeTransfer(to, bond);
    }

    // BRAKES

    /// @inheritdoc IBallots
    function veto(bytes32 id) external {
        if (msg.sender != council && msg.sender != committee) revert NotABrake(msg.sender);
        State state = stateOf(id);
        if (state != State.Queued && state != State.Executable) revert WrongState(id, state);
        bytes32 content = _ballot[id].content;
        if (isVetoed(content)) revert CannotBeVetoed(id);
        _vetoedAt[content] = block.timestamp;
        emit BallotVetoed(id, content, msg.sender);
    }

    /// @inheritdoc IBallots
    function hasten(bytes32 id) external {
        if (msg.sender != committee) revert NotABrake(msg.sender);
        _requireState(id, State.Voting);
        Ballot storage ballot = _ballot[id];
        if (ballot.track != EMERGENCY) revert ITracks.WrongTrack(ballot.track);
        uint256 end = ballot.start + FAST_VOTING;
        if (end < block.timestamp) end = block.timestamp;
        if (end > ballot.end) end = ballot.end;
        (ballot.isFast, ballot.end) = (true, uint40(end));
        emit BallotHastened(id, end);
    }

    /// @inheritdoc IBallots
    function markSpam(bytes32 id) external {
        if (msg.sender != council) revert NotABrake(msg.sender);
        State state = stateOf(id);
        if (state != State.Voting && state != State.Posting) revert WrongState(id, state);
        _ballot[id].isSpam = true;
        emit BallotMarkedSpam(id);
    }

    /// @inheritdoc IBallots
    function setBrakes(address council_, address committee_) external onlySafe {
        _setBrakes(council_, committee_);
    }

    // VIEWS

    /// @inheritdoc IBallots
    function idOf(address proposer, uint256 nonce, Proposal calldata what) public view returns (bytes32) {
        return
            keccak256(abi.encode(block.chainid, address(this), proposer, nonce, keccak256(abi.encode(what))));
    }

    /// @inheritdoc IBallots
    function stateOf(bytes32 id) public view override(IBallots, Polls) returns (State) {
        Ballot storage ballot = _ballot[id];
        if (ballot.start == 0) return State.None;
        if (ballot.isExecuted) return State.Executed;
        uint256 executableAt = ballot.executableAt;
        if (executableAt != 0) {
            if (_vetoOf(ballot) != 0 && !ballot.isVetoProof) return State.VetoedOnce;
            if (block.timestamp < executableAt) return State.Queued;
            return block.timestamp < executableAt + WINDOW ? State.Executable : State.Expired;
        }
        uint256 postingEnd = postingEndOf(id);
        if (block.timestamp >= postingEnd + WINDOW && ballot.content != 0) {
            return _passes(id) ? State.Expired : State.Rejected;
        }
        if (_isEarly(id)) return State.Passed;
        if (block.timestamp < ballot.end) return State.Voting;
        if (block.timestamp < postingEnd) return State.Posting;
        if (!_passes(id)) return State.Rejected;
        return ballot.content == 0 ? State.Decided : State.Passed;
    }

    /// @inheritdoc IBallots
    function isVetoed(bytes32 content) public view returns (bool) {
        return _vetoedAt[content] != 0;
    }

    // INTERNAL

    function _vetoOf(Ballot storage ballot) internal view override returns (uint256) {
        uint256 at = _vetoedAt[ballot.content];
        if (at == 0) return 0;
        // What had expired by then stays so.
        uint256 since = ballot.executableAt;
        if (since == 0) since = ballot.end + _postingOf(ballot);
        return at < since + WINDOW ? at : 0;
    }

    function _setBrakes(address council_, address committee_) private {
        (council, committee) = (council_, committee_);
        emit BrakesSet(council_, committee_);
    }

    /// @dev Makes a call as the Safe. Reverts with `CallFailed`.
    function _call(uint256 index, address target, uint256 value, bytes memory data) private {
        (bool success, bytes memory returned) =
            ISafe(safe).execTransactionFromModuleReturnData(target, value, data, 0);
        if (!success) revert CallFailed(index, returned);
    }

    function _announcement(Call calldata call) private pure returns (bytes32) {
        return keccak256(abi.encode(call.target, keccak256(call.data)));
    }

    function _requireState(bytes32 id, State needed) private view {
        State state = stateOf(id);
        if (state != needed) revert WrongState(id, state);
    }

    function _requireCalls(Ballot storage ballot, Call[] calldata calls) private view {
        if (keccak256(abi.encode(calls)) != ballot.content) revert OtherCalls();
    }

    function _requireWellFormed(Proposal calldata proposal) private pure {
        bool isElection = proposal.track == ELECTION;
        uint256 calls = proposal.calls.length;
        bool fits = proposal.choices != 0 && proposal.choices <= _mostChoices(proposal.kind)
            && calls <= MAX_CALLS && bytes(proposal.uri).length <= MAX_URI;
        if (proposal.kind == Kind.Basic) fits = fits && proposal.choices == 3;
        else fits = fits && calls == 0;
        if (isElection) {
            fits = fits && proposal.kind == Kind.Approval && proposal.body != address(0)
                && proposal.candidates.length == proposal.choices;
        } else {
            fits = fits && proposal.body == address(0) && proposal.candidates.length == 0;
        }
        if (!fits) revert BadBallot();
    }
}
