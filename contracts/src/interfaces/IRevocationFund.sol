// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPlatforms} from "./IPlatforms.sol";

/// @title IRevocationFund: pays back whoever posts revocation lists
/// @notice Holds ether that anybody may give and nobody can take out. It pays for what is of use alone: a
/// list that names certificates nobody knew to be revoked, or one that takes the place of a list about to
/// run out. A vendor signs both, so nobody can make occasions to be paid, and no occasion pays twice.
/// Posting without the fund is always possible.
interface IRevocationFund {
    /// @notice Only an account that sends its own transaction is paid back.
    error NotAnAccount(address caller);

    /// @notice A piece of a list was stored as the code of `piece`.
    event PieceStored(address piece);
    /// @notice `amount` wei were paid back, less than the costs where the fund had no more.
    event PaidBack(address indexed to, uint256 amount, uint256 gas);

    /// @notice `IPlatforms.postRevocations`, paid back in the same transaction at the block's base fee.
    /// Reverts as that does, and with `NotAnAccount` where something is to be paid to a contract.
    /// @return paid Wei.
    function post(bytes calldata list, bytes calldata authority, uint256 most) external returns (uint256 paid);

    /// @notice The same for a list that is too long to be sent in one transaction. Storing its pieces isn't
    /// paid back. Reverts as `post` does, and with `ListPieces.PieceNotStored`.
    /// @param pieces What `store` gave, in the list's order.
    function postPieces(address[] calldata pieces, bytes calldata authority, uint256 most)
        external
        returns (uint256 paid);

    /// @notice Stores a piece of a long list, of at most 24,575 bytes. Anybody may, for anybody.
    /// Reverts with `ListPieces.PieceNotStored` where it is longer.
    function store(bytes calldata piece) external returns (address at);

    /// @notice Where lists are posted.
    function platforms() external view returns (IPlatforms);

    /// @notice What a unit of gas is paid back with at the most, in wei.
    function MAX_GAS_PRICE() external view returns (uint256);
}
