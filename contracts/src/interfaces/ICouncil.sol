// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "./IBallots.sol";

/// @title ICouncil: members who were elected for a while, and what enough of them may do
/// @notice Deployed twice: the council vetoes, calls spam and spends a small allowance; the technical
/// committee vetoes and hastens emergencies. Members act by motions, which expire after a week. Seats end
/// after 180 days. With nobody in them nothing is vetoed, and nothing waits.
interface ICouncil {
    enum Act {
        /// Veto a ballot.
        Veto,
        /// Call a ballot spam.
        MarkSpam,
        /// Hasten a ballot.
        Hasten,
        /// Pay out of the Safe's allowance.
        Spend
    }

    /// @notice What a motion is about. `ballot` for all acts but `Spend`, the rest for that alone.
    struct Motion {
        Act act;
        bytes32 ballot;
        address token;
        address to;
        uint256 amount;
    }

    /// @notice What is known of a motion.
    struct MotionState {
        Motion motion;
        /// Unix seconds.
        uint40 expiresAt;
        bool isCarried;
        /// Members who are for it; 0 where others have the seats since.
        uint256 votes;
        /// Members that it needs.
        uint256 needed;
    }

    /// @notice Those whom a ballot elected have the seats until `until`, Unix seconds.
    event Seated(bytes32 indexed ballot, address[] members, uint256 until);
    /// @notice A member moved something.
    event Moved(uint256 indexed motion, address indexed member, Motion what);
    /// @notice A member is for a motion.
    event Seconded(uint256 indexed motion, address indexed member);
    /// @notice Enough members were for a motion, and it was done.
    event Carried(uint256 indexed motion);
    /// @notice What may be spent of a token in a period of 30 days.
    event AllowanceSet(address indexed token, uint256 amount);

    /// @notice The account has no seat, or its term is over.
    error NotAMember(address account);
    /// @notice There is no such motion, or it was carried or expired.
    error MotionOver(uint256 motion);
    /// @notice The member is for the motion already.
    error SecondedBefore(uint256 motion);
    /// @notice This body doesn't do that.
    error NotThisBody();
    /// @notice `left` may be spent of the token now, which is less than `asked`.
    error OverAllowance(address token, uint256 asked, uint256 left);
    /// @notice The ballot isn't an election of this body that was decided, or is older than the last.
    error NotAnElection(bytes32 ballot);
    /// @notice The Safe could not pay.
    error PaymentFailed();

    /// @notice Seats those whom an election chose: the candidates with the greatest approval, as many as
    /// there are seats. Until 30 days before a term ends, only those follow in whose election a greater
    /// part of all power took part. Anybody may call it. `candidates`: as proposed. Reverts with
    /// `NotAnElection`.
    function seat(bytes32 ballot, address[] calldata candidates) external;

    /// @notice Moves something, for it at once. By a member. Reverts with `NotAMember`, `NotThisBody` and as
    /// `second` does.
    function move(Motion calldata motion) external returns (uint256 id);

    /// @notice Is for a motion, which is done at once where that is enough. By a member. Reverts with
    /// `NotAMember`, `MotionOver`, `SecondedBefore` and whatever the motion fails for.
    function second(uint256 motion) external;

    /// @notice Sets what may be spent of a token in 30 days, which begin with the first payment after the
    /// last such period; the zero address is ether. By the Safe. Reverts with `NotTheSafe`.
    function setAllowance(address token, uint256 amount) external;

    /// @notice Whose elections seat members, and whose ballots motions are about.
    function ballots() external view returns (IBallots);

    /// @notice The Safe, of which this is a module that spends no more than its allowance.
    function safe() external view returns (address);

    /// @notice How many seats there are.
    function seats() external view returns (uint256);

    /// @notice Who has a seat now.
    function members() external view returns (address[] memory);

    /// @notice Whether an account has a seat now.
    function isMember(address account) external view returns (bool);

    /// @notice When the members' term ends, Unix seconds.
    function termEnd() external view returns (uint256);

    /// @notice How many members an act takes: its part of all seats, whoever is in them, rounded up; 0 for
    /// what this body doesn't do.
    function neededFor(Act act) external view returns (uint256);

    /// @notice What is known of a motion.
    function motionOf(uint256 motion) external view returns (MotionState memory);

    /// @notice How many motions there were.
    function motionCount() external view returns (uint256);

    /// @notice What may be spent of a token in a period of 30 days, and what of it is left now.
    function allowanceOf(address token) external view returns (uint256 amount, uint256 left);
}
