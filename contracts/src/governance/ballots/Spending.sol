// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBallots} from "../../interfaces/IBallots.sol";
import {IGrants} from "../../interfaces/IGrants.sol";

/// @title Spending: what a ballot's call moves
/// @dev Ether that is sent without data, ERC-20 tokens that are transferred, and tokens that are granted from
/// the community pool. Whatever else a call does, it has to be on its track's list for.
library Spending {
    /// @dev More than any limit, and no sum of 32 overflows.
    uint256 internal constant TOO_MUCH = type(uint256).max / 64;

    /// @dev The token that a call moves, the zero address for ether, and how much; 0 where it moves nothing.
    /// Reverts where a grant isn't written as `IGrants.open` reads it.
    function read(IBallots.Call calldata call, address pool)
        internal
        pure
        returns (address token, uint256 amount)
    {
        bytes calldata data = call.data;
        if (call.value != 0) return (address(0), data.length == 0 ? _bounded(call.value) : 0);
        if (bytes4(data) == IERC20.transfer.selector && data.length == 68) {
            (, amount) = abi.decode(data[4:], (address, uint256));
            return (call.target, _bounded(amount));
        }
        if (call.target != pool || bytes4(data) != IGrants.open.selector) return (address(0), 0);
        IGrants.Terms[] memory terms;
        (, token,, terms) = abi.decode(data[4:], (address, address, bytes32, IGrants.Terms[]));
        for (uint256 i = 0; i < terms.length; ++i) {
            // Each is below 2^96.
            amount += terms[i].amount;
        }
        amount = _bounded(amount);
    }

    function _bounded(uint256 amount) private pure returns (uint256) {
        return amount < TOO_MUCH ? amount : TOO_MUCH;
    }
}
