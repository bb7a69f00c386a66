// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IBallots} from "../interfaces/IBallots.sol";
import {ANYTHING, ITracks, LONG_TIMELOCK, TRACKS} from "../interfaces/ITracks.sol";

/// @title Tracks: the rules that ballots go by, and the calls they may make
/// @notice See `ITracks`.
contract Tracks is ITracks {
    uint256 private constant BPS = 10_000;
    /// @dev More than any cap, and no sum of 32 overflows.
    uint256 private constant TOO_MUCH = type(uint256).max / 64;

    /// @inheritdoc ITracks
    address public immutable safe;
    /// @inheritdoc ITracks
    mapping(uint8 track => mapping(address target => mapping(bytes4 selector => bool))) public isAllowed;
    /// @inheritdoc ITracks
    mapping(uint8 track => mapping(address token => uint256)) public capOf;
    /// @inheritdoc ITracks
    mapping(address account => bool) public isSpender;
    /// @dev All rules that a track ever had: a ballot keeps those that it began under.
    mapping(uint8 track => Track[]) private _rules;

    modifier onlySafe() {
        if (msg.sender != safe) revert NotTheSafe(msg.sender);
        _;
    }

    /// @param tracks The rules of all eight.
    constructor(
        address safe_,
        Track[] memory tracks,
        AllowedCall[] memory allowed,
        Cap[] memory caps,
        address[] memory spenders
    ) {
        if (safe_ == address(0)) revert Errors.ZeroAddress();
        if (tracks.length != TRACKS) revert Errors.LengthsDiffer(tracks.length, TRACKS);
        safe = safe_;
        for (uint256 i = 0; i < tracks.length; ++i) {
            _setTrack(uint8(i), tracks[i]);
        }
        for (uint256 i = 0; i < allowed.length; ++i) {
            _allowCall(allowed[i].track, allowed[i].target, allowed[i].selector, true);
        }
        for (uint256 i = 0; i < caps.length; ++i) {
            _setCap(caps[i].track, caps[i].token, caps[i].amount);
        }
        for (uint256 i = 0; i < spenders.length; ++i) {
            _allowSpender(spenders[i], true);
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
    function setCap(uint8 track, address token, uint256 amount) external onlySafe {
        _setCap(track, token, amount);
    }

    /// @inheritdoc ITracks
    function allowSpender(address spender, bool allowed) external onlySafe {
        _allowSpender(spender, allowed);
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
    function requireAllowed(uint8 track, IBallots.Call[] calldata calls) external view {
        if (track == ANYTHING) return;
        uint256[] memory spent = new uint256[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            IBallots.Call calldata call = calls[i];
            if (call.value == 0 && isAllowed[track][call.target][bytes4(call.data)]) continue;
            address token = _tokenOf(call);
            spent[i] = _spending(call);
            uint256 sum = 0;
            for (uint256 j = 0; j <= i; ++j) {
                if (_tokenOf(calls[j]) == token) sum += spent[j];
            }
            // Nothing that is no spending comes to less than every cap, and what has none isn't called at
            // all.
            uint256 cap = capOf[track][token];
            if (cap == 0 || sum > cap) revert CallNotAllowed(i);
        }
    }

    /// @dev The token that a call would be spending of: the zero address for ether.
    function _tokenOf(IBallots.Call calldata call) private pure returns (address) {
        return call.value == 0 ? call.target : address(0);
    }

    /// @dev What a call pays or approves; more than there can be where it does neither.
    function _spending(IBallots.Call calldata call) private view returns (uint256) {
        if (call.value != 0) {
            return call.data.length == 0 && call.value < TOO_MUCH ? call.value : TOO_MUCH;
        }
        if (call.data.length != 68) return TOO_MUCH;
        bytes4 selector = bytes4(call.data);
        (address to, uint256 asked) = abi.decode(call.data[4:], (address, uint256));
        bool spends =
            selector == IERC20.transfer.selector || (selector == IERC20.approve.selector && isSpender[to]);
        return spends && asked < TOO_MUCH ? asked : TOO_MUCH;
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

    function _setCap(uint8 track, address token, uint256 amount) private {
        if (track >= TRACKS) revert WrongTrack(track);
        _within(amount, 0, type(uint128).max);
        capOf[track][token] = amount;
        emit CapSet(track, token, amount);
    }

    function _allowSpender(address spender, bool allowed) private {
        isSpender[spender] = allowed;
        emit SpenderAllowed(spender, allowed);
    }

    function _within(uint256 value, uint256 min, uint256 max) private pure {
        if (value < min || value > max) revert Errors.OutOfBounds(value, min, max);
    }
}
