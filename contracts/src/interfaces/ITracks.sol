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

    /// @notice What one ballot of a track may pay and approve of a token, in base units; of ether, wei, where
    /// the token is the zero address.
    struct Cap {
        uint8 track;
        address token;
        uint256 amount;
    }

    /// @notice A track's rules changed, for ballots from now on.
    event TrackSet(uint8 indexed track, uint256 rules, Track rulesOfTrack);
    /// @notice Ballots of a track may make such calls, or no longer.
    event CallAllowed(uint8 indexed track, address indexed target, bytes4 indexed selector, bool isAllowed);
    /// @notice A ballot of a track may pay and approve so much of a token.
    event CapSet(uint8 indexed track, address indexed token, uint256 amount);
    /// @notice Whom ballots of capped tokens may approve to take them, or no longer.
    event SpenderAllowed(address indexed spender, bool isAllowed);

    /// @notice There is no such track, or it isn't for that kind of ballot.
    error WrongTrack(uint8 track);
    /// @notice Call `index` isn't one that the track may make.
    error CallNotAllowed(uint256 index);
    /// @notice Only the Safe may do that, which does what ballots say.
    error NotTheSafe(address caller);

    /// @notice Changes a track's rules for ballots to come. Reverts with `NotTheSafe`, `WrongTrack` and
    /// `OutOfBounds`.
    function setTrack(uint8 track, Track calldata rules) external;

    /// @notice Lets ballots of a track make calls, or no longer. Reverts with `NotTheSafe` and `WrongTrack`.
    function allowCall(uint8 track, address target, bytes4 selector, bool isAllowed) external;

    /// @notice Sets what one ballot of a track may pay of a token. Reverts with `NotTheSafe`, `WrongTrack`
    /// and `OutOfBounds`.
    function setCap(uint8 track, address token, uint256 amount) external;

    /// @notice Lets ballots of capped tokens approve `spender`, or no longer. Reverts with `NotTheSafe`.
    function allowSpender(address spender, bool isAllowed) external;

    /// @notice A track's rules for ballots from now on, and their number.
    function trackOf(uint8 track) external view returns (Track memory, uint256 rules);

    /// @notice Whether ballots of a track may make such calls.
    function isAllowed(uint8 track, address target, bytes4 selector) external view returns (bool);

    /// @notice What one ballot of a track may pay of a token.
    function capOf(uint8 track, address token) external view returns (uint256);

    /// @notice Whether ballots of capped tokens may approve this account.
    function isSpender(address account) external view returns (bool);

    /// @notice The Safe.
    function safe() external view returns (address);

    /// @notice The rules of a track that have this number; later ones don't change them.
    function rulesOf(uint8 track, uint256 rules) external view returns (Track memory);

    /// @notice Reverts with `CallNotAllowed` unless a track's ballots may make all of these calls together.
    function requireAllowed(uint8 track, IBallots.Call[] calldata calls) external view;
}
