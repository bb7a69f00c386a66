// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPlatforms} from "../interfaces/IPlatforms.sol";
import {IRevocationFund} from "../interfaces/IRevocationFund.sol";
import {ListPieces} from "../libraries/ListPieces.sol";

/// @title RevocationFund: pays back whoever posts revocation lists
/// @notice See `IRevocationFund`.
contract RevocationFund is IRevocationFund {
    /// @inheritdoc IRevocationFund
    uint256 public constant MAX_GAS_PRICE = 20 gwei;
    /// @dev A transaction's own 21,000, and what paying back costs.
    uint256 private constant OVERHEAD = 21_000 + 15_000;
    uint256 private constant GAS_PER_BYTE = 16;
    /// @dev What a list that isn't due is paid at the most: going through it once, and each certificate it
    /// adds. So nobody has a long list paid for entry by entry.
    uint256 private constant GAS_PER_LIST = 300_000;
    uint256 private constant GAS_PER_ENTRY = 60_000;

    /// @inheritdoc IRevocationFund
    IPlatforms public immutable platforms;

    constructor(IPlatforms platforms_) {
        platforms = platforms_;
    }

    receive() external payable {}

    /// @inheritdoc IRevocationFund
    function post(bytes calldata list, bytes calldata authority, uint256 most)
        external
        returns (uint256 paid)
    {
        uint256 before = gasleft();
        (uint256 added, bool renewed) = platforms.postRevocations(list, authority, most);
        return _payBack(before, added, renewed);
    }

    /// @inheritdoc IRevocationFund
    function postPieces(address[] calldata pieces, bytes calldata authority, uint256 most)
        external
        returns (uint256 paid)
    {
        uint256 before = gasleft();
        (uint256 added, bool renewed) = platforms.postRevocations(ListPieces.join(pieces), authority, most);
        return _payBack(before, added, renewed);
    }

    /// @inheritdoc IRevocationFund
    function store(bytes calldata piece) external returns (address at) {
        at = ListPieces.store(piece);
        emit PieceStored(at);
    }

    function _payBack(uint256 before, uint256 added, bool renewed) private returns (uint256 paid) {
        if (added == 0 && !renewed) return 0;
        // Whoever comes through a contract could have one transaction's own cost paid back several times
        // over.
        if (msg.sender != tx.origin) revert NotAnAccount(msg.sender);
        uint256 gas = before - gasleft() + OVERHEAD + GAS_PER_BYTE * msg.data.length;
        uint256 most = GAS_PER_LIST + GAS_PER_ENTRY * added;
        if (!renewed && gas > most) gas = most;
        paid = gas * (block.basefee < MAX_GAS_PRICE ? block.basefee : MAX_GAS_PRICE);
        if (paid > address(this).balance) paid = address(this).balance;
        if (paid == 0) return 0;
        (bool done,) = msg.sender.call{value: paid}("");
        if (!done) return 0;
        emit PaidBack(msg.sender, paid, gas);
    }
}
