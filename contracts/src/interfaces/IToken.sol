// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IToken: what CLOI has beside ERC-20, ERC-2612 and ERC-5805
/// @notice 18 decimals, never more than 1,000,000,000 whole tokens. Each of them belongs to at most one
/// allotment: an amount that one account, the minter, may create. An allotment is never taken back, raised
/// by another's loss or shared, so what emission has yet to create can't run out. What isn't allotted when
/// the token is deployed can be allotted by its owner, 22 days after it announced so; nobody can create
/// anything otherwise.
///
/// CLOI that is nobody's stake votes where its holder registered it: by `delegate`, to itself or somebody
/// else, or by `delegateBySig`, which anybody may send (ERC-5805). Transfers between those who never did
/// write no history.
interface IToken {
    /// @notice The caller may create `left` more, which is less than `asked`.
    error OverAllotment(address minter, uint256 asked, uint256 left);
    /// @notice `left` is nobody's to create yet, which is less than `asked`.
    error OverCap(uint256 asked, uint256 left);

    /// @notice `minter` may create `amount` base units more than before.
    event Allotted(address indexed minter, uint256 amount);

    /// @notice Creates `amount` base units for `to`, out of the caller's allotment. Reverts with
    /// `OverAllotment`.
    function mint(address to, uint256 amount) external;

    /// @notice Lets `minter` create `amount` base units of what is nobody's yet. Announced. Reverts with
    /// `OverCap`.
    function allot(address minter, uint256 amount) external;

    /// @notice Base units that an account may still create.
    function allotted(address minter) external view returns (uint256);

    /// @notice Base units that are nobody's to create.
    function unallotted() external view returns (uint256);

    /// @notice Votes are known by the second (ERC-6372).
    function clock() external view returns (uint48);

    /// @notice What the clock counts (ERC-6372).
    function CLOCK_MODE() external view returns (string memory);

    /// @notice All votes that there were at the end of a second that is over: what was registered by then.
    /// The supply isn't, which has no history.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256);
}
