// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IBallots} from "../interfaces/IBallots.sol";
import {ANYTHING, ITracks, LONG_TIMELOCK, TRACKS} from "../interfaces/ITracks.sol";
import {Spending} from "./ballots/Spending.sol";

/// @title Tracks: the rules that ballots go by, the calls they may make, and what they may move
/// @notice See `ITracks`.
contract Tracks is ITracks {
    using Checkpoints for Checkpoints.Trace208;

    uint256 private constant BPS = 10_000;

    /// @inheritdoc ITracks
    address public immutable safe;
    /// @inheritdoc ITracks
    address public immutable ballots;
    /// @inheritdoc ITracks
    address public immutable pool;
    /// @inheritdoc ITracks
    mapping(uint8 track => mapping(address target => mapping(bytes4 selector => bool))) public isAllowed;
    mapping(uint8 track => mapping(address token => Limit)) private _limit;
    /// @dev All that was ever moved of a token, by time.
    mapping(uint8 track => mapping(address token => Checkpoints.Trace208)) private _moved;
    /// @dev All rules that a track ever had: a ballot keeps those that it began under.
    mapping(uint8 track => Track[]) private _rules;

    modifier onlySafe() {
        if (msg.sender != safe) revert NotTheSafe(msg.sender);
        _;
    }

    /// @param ballots_ The contract of ballots, which may be deployed later.
    /// @param pool_ The community pool, likewise.
    /// @param tracks The rules of all eight.
    constructor(
        address safe_,
        address ballots_,
        address pool_,
        Track[] memory tracks,
        AllowedCall[] memory allowed,
        TokenLimit[] memory limits
    ) {
        if (safe_ == address(0) || ballots_ == address(0) || pool_ == address(0)) {
            revert Errors.ZeroAddress();
        }
        if (tracks.length != TRACKS) revert Errors.LengthsDiffer(tracks.length, TRACKS);
        (safe, ballots, pool) = (safe_, ballots_, pool_);
        for (uint256 i = 0; i < tracks.length; ++i) {
            _setTrack(uint8(i), tracks[i]);
        }
        for (uint256 i = 0; i < allowed.length; ++i) {
            _allowCall(allowed[i].track, allowed[i].target, allowed[i].selector, true);
        }
        for (uint256 i = 0; i < limits.length; ++i) {
            _setLimit(limits[i].track, limits[i].token, limits[i].limit);
        }
    }

    /// @inheritdoc ITracks
    function setTrack(uint8 track, Track calldata rules) external onlySafe {
        _setTrack(track, rules);
    }

    /// @inheritdoc ITracks
    function allowCall(uint8 track, address target, bytes4 selector, bool allowed) external onlySafe {
        _allowCall(track, target, selector, allowed);
    }

    /// @inheritdoc ITracks
    function setLimit(uint8 track, address token, Limit calldata limit) external onlySafe {
        _setLimit(track, token, limit);
    }

    /// @inheritdoc ITracks
    function charge(uint8 track, IBallots.Call[] calldata calls) external {
        if (msg.sender != ballots) revert NotTheBallots(msg.sender);
        if (track == ANYTHING) return;
        for (uint256 i = 0; i < calls.length; ++i) {
            (address token, uint256 amount) = Spending.read(calls[i], pool);
            if (amount == 0) continue;
            uint256 left = leftOf(track, token);
            if (amount > left) revert OverBudget(track, token, amount, left);
            Checkpoints.Trace208 storage moved = _moved[track][token];
            // Each is below 2^112, and there is no time for 2^96 of them.
            moved.push(uint48(block.timestamp), moved.latest() + uint208(amount));
            emit Charged(track, token, amount);
        }
    }

    /// @inheritdoc ITracks
    function trackOf(uint8 track) external view returns (Track memory, uint256 rules) {
        if (track >= TRACKS) revert WrongTrack(track);
        rules = _rules[track].length - 1;
        return (_rules[track][rules], rules);
    }

    /// @inheritdoc ITracks
    function rulesOf(uint8 track, uint256 rules) external view returns (Track memory) {
        return _rules[track][rules];
    }

    /// @inheritdoc ITracks
    function limitOf(uint8 track, address token) external view returns (Limit memory) {
        return _limit[track][token];
    }

    /// @inheritdoc ITracks
    function leftOf(uint8 track, address token) public view returns (uint256) {
        Limit memory limit = _limit[track][token];
        Checkpoints.Trace208 storage history = _moved[track][token];
        uint256 moved = history.latest() - history.upperLookupRecent(uint48(block.timestamp - limit.window));
        return moved < limit.budget ? limit.budget - moved : 0;
    }

    /// @inheritdoc ITracks
    function fitsAt(uint8 track, address token, uint256 amount) external view returns (uint256 time) {
        Limit memory limit = _limit[track][token];
        if (amount > limit.budget) return type(uint256).max;
        Checkpoints.Trace208 storage history = _moved[track][token];
        // What was moved up to then has to be out of the window.
        uint256 all = history.latest();
        uint256 atOnce = limit.budget - amount;
        if (all <= atOnce) return 0;
        for (uint256 i = history.length(); i != 0; --i) {
            Checkpoints.Checkpoint208 memory at = history.at(uint32(i - 1));
            if (at._value < all - atOnce) break;
            time = at._key + limit.window;
        }
    }

    /// @inheritdoc ITracks
    function movedBy(IBallots.Call[] calldata calls)
        external
        view
        returns (address[] memory tokens, uint256[] memory amounts)
    {
        (tokens, amounts) = (new address[](calls.length), new uint256[](calls.length));
        for (uint256 i = 0; i < calls.length; ++i) {
            (tokens[i], amounts[i]) = Spending.read(calls[i], pool);
        }
    }

    /// @inheritdoc ITracks
    function requireAllowed(uint8 track, IBallots.Call[] calldata calls) external view {
        if (track == ANYTHING) return;
        address[] memory tokens = new address[](calls.length);
        uint256[] memory amounts = new uint256[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            IBallots.Call calldata call = calls[i];
            (tokens[i], amounts[i]) = Spending.read(call, pool);
            if (amounts[i] == 0) {
                if (call.value == 0 && isAllowed[track][call.target][bytes4(call.data)]) continue;
                revert CallNotAllowed(i);
            }
            uint256 sum = 0;
            for (uint256 j = 0; j <= i; ++j) {
                if (tokens[j] == tokens[i]) sum += amounts[j];
            }
            if (sum > _limit[track][tokens[i]].cap) revert CallNotAllowed(i);
        }
    }

    /// @dev Changes a track's rules, within bounds in which whoever has power can always propose and pass.
    function _setTrack(uint8 track, Track memory rules) private {
        if (track >= TRACKS) revert WrongTrack(track);
        _within(rules.bond, 0, 1_000_000e18);
        _within(rules.minPower, 0, 1_000_000e18);
        _within(rules.votingPeriod, 12 hours, 30 days);
        _within(rules.confirmPeriod, 1 hours, rules.votingPeriod);
        // What was announced when a ballot was queued expires 36 days later.
        _within(rules.timelock, track == ANYTHING ? LONG_TIMELOCK : 3 hours, LONG_TIMELOCK + 7 days);
        _within(rules.approvalEnd, BPS / 2, BPS * 9 / 10);
        _within(rules.approvalStart, rules.approvalEnd, BPS);
        _within(rules.approvalAgain, rules.approvalEnd, BPS * 9 / 10);
        _within(rules.supportEnd, 0, BPS / 2);
        _within(rules.supportStart, rules.supportEnd, BPS);
        _within(rules.supportAgain, rules.supportEnd, BPS / 2);
        emit TrackSet(track, _rules[track].length, rules);
        _rules[track].push(rules);
    }

    function _allowCall(uint8 track, address target, bytes4 selector, bool allowed) private {
        if (track >= TRACKS) revert WrongTrack(track);
        isAllowed[track][target][selector] = allowed;
        emit CallAllowed(track, target, selector, allowed);
    }

    function _setLimit(uint8 track, address token, Limit memory limit) private {
        if (track >= TRACKS) revert WrongTrack(track);
        // A ballot that may be proposed must be able to fit.
        _within(limit.budget, limit.cap, type(uint112).max);
        // Half of the time for which a ballot can be executed, so that it has its turn within that.
        _within(limit.window, 1 days, 7 days);
        _limit[track][token] = limit;
        emit LimitSet(track, token, limit);
    }

    function _within(uint256 value, uint256 min, uint256 max) private pure {
        if (value < min || value > max) revert Errors.OutOfBounds(value, min, max);
    }
}
