// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "./IBallots.sol";

/// @dev How many tracks there are.
uint8 constant TRACKS = 8;
/// @dev Contracts and roles: its ballots may make any call.
uint8 constant ANYTHING = 4;
/// @dev The one track whose ballots the committee may hasten.
uint8 constant EMERGENCY = 6;
/// @dev The one track that elections are on.
uint8 constant ELECTION = 7;
/// @dev Seconds: a day more than stake takes to leave.
uint256 constant LONG_TIMELOCK = 22 days;

/// @title ITracks: the rules that ballots go by, by their risk, and the calls they may make
/// @notice 0 parameters; 1, 2, 3 treasury, small, medium, large; 4 contracts and roles, whose ballots may
/// make any call; 5 guests and floors; 6 emergency; 7 election. Changed by the Safe alone, which does what
/// ballots say, for ballots to come. Amounts are base units of CLOI, parts of a whole basis points, times
/// seconds.
interface ITracks {
    /// @notice The rules of a track. Both curves fall evenly from their start to their end over the voting.
    struct Track {
        /// Left with a proposal, and returned unless it is spam that failed.
        uint96 bond;
        /// What the proposer needs.
        uint96 minPower;
        uint32 votingPeriod;
        /// How long a majority of all power has to hold for a ballot to pass before its voting ends.
        uint32 confirmPeriod;
        uint32 timelock;
        /// For of for and against.
        uint16 approvalStart;
        uint16 approvalEnd;
        /// For and abstaining, of the electorate.
        uint16 supportStart;
        uint16 supportEnd;
        /// What the same calls need after a veto.
        uint16 approvalAgain;
        uint16 supportAgain;
    }

    /// @notice A call that ballots of a track may make: any of this selector to this target.
    struct AllowedCall {
        uint8 track;
        address target;
        bytes4 selector;
    }

    /// @notice What ballots of a track may move of a token, in base units: pay out of the treasury and grant
    /// from the community pool, together.
    struct Limit {
        /// What one ballot may move.
        uint112 cap;
        /// What all of them together may move within any `window` seconds.
        uint112 budget;
        uint32 window;
    }

    /// @notice The limit that a track begins with. The token is the zero address for ether, in wei.
    struct TokenLimit {
        uint8 track;
        address token;
        Limit limit;
    }

    /// @notice A track's rules changed, for ballots from now on.
    event TrackSet(uint8 indexed track, uint256 rules, Track rulesOfTrack);
    /// @notice Ballots of a track may make such calls, or no longer.
    event CallAllowed(uint8 indexed track, address indexed target, bytes4 indexed selector, bool isAllowed);
    /// @notice Ballots of a track may move so much of a token from now on, also those that passed before.
    event LimitSet(uint8 indexed track, address indexed token, Limit limit);
    /// @notice A ballot of a track moves `amount` of a token.
    event Charged(uint8 indexed track, address indexed token, uint256 amount);

    /// @notice There is no such track, or it isn't for that kind of ballot.
    error WrongTrack(uint8 track);
    /// @notice Call `index` isn't one that the track may make.
    error CallNotAllowed(uint256 index);
    /// @notice Ballots of the track have moved so much of the token within its window that only `left` may
    /// be moved now, and this one moves `amount`. It can be executed when that is less, until it expires.
    error OverBudget(uint8 track, address token, uint256 amount, uint256 left);
    /// @notice Only the Safe may do that, which does what ballots say.
    error NotTheSafe(address caller);
    /// @notice Only the contract of ballots may do that.
    error NotTheBallots(address caller);

    /// @notice Changes a track's rules for ballots to come. Reverts with `NotTheSafe`, `WrongTrack` and
    /// `OutOfBounds`.
    function setTrack(uint8 track, Track calldata rules) external;

    /// @notice Lets ballots of a track make calls, or no longer. What such a call moves is in no budget, but
    /// for those that `charge` knows. Reverts with `NotTheSafe` and `WrongTrack`.
    function allowCall(uint8 track, address target, bytes4 selector, bool isAllowed) external;

    /// @notice Sets what ballots of a track may move of a token: a budget of at least the cap, and a window
    /// from one to 7 days. Reverts with `NotTheSafe`, `WrongTrack` and `OutOfBounds`.
    function setLimit(uint8 track, address token, Limit calldata limit) external;

    /// @notice Counts what the calls of a ballot that is being executed move. The contract of ballots alone.
    /// Reverts with `NotTheBallots` and `OverBudget`.
    function charge(uint8 track, IBallots.Call[] calldata calls) external;

    /// @notice A track's rules for ballots from now on, and their number.
    function trackOf(uint8 track) external view returns (Track memory, uint256 rules);

    /// @notice Whether ballots of a track may make such calls.
    function isAllowed(uint8 track, address target, bytes4 selector) external view returns (bool);

    /// @notice What ballots of a track may move of a token.
    function limitOf(uint8 track, address token) external view returns (Limit memory);

    /// @notice What ballots of a track may move of a token now.
    function leftOf(uint8 track, address token) external view returns (uint256);

    /// @notice When `amount` of a token fits a track's budget if nobody moves any more until then, Unix
    /// seconds: now or earlier where it fits already, and the largest number where it never does.
    function fitsAt(uint8 track, address token, uint256 amount) external view returns (uint256);

    /// @notice What calls move, in their order; of a call that moves nothing the amount is 0.
    function movedBy(IBallots.Call[] calldata calls)
        external
        view
        returns (address[] memory tokens, uint256[] memory amounts);

    /// @notice The Safe.
    function safe() external view returns (address);

    /// @notice The contract of ballots.
    function ballots() external view returns (address);

    /// @notice The community pool (`IGrants`): what a ballot grants from it counts like what it pays.
    function pool() external view returns (address);

    /// @notice The rules of a track that have this number; later ones don't change them.
    function rulesOf(uint8 track, uint256 rules) external view returns (Track memory);

    /// @notice Reverts with `CallNotAllowed` unless a track's ballots may make all of these calls together.
    function requireAllowed(uint8 track, IBallots.Call[] calldata calls) external view;
}
