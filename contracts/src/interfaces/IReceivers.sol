// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IVouchers} from "./IVouchers.sol";

/// @title IReceiver: what is at the address that a payee is paid at
interface IReceiver {
    /// @notice Sends of what is here. The `Receivers` that made it only; reverts with `NotReceivers`.
    function release(IERC20 token, address to, uint256 amount) external;
}

/// @title IReceivers: addresses that payments which know no fee are sent to
/// @notice Clients of other protocols (x402) pay to an address and nothing else. Each payee has one here, at
/// which a token may arrive in any way, also before there is a contract. Anybody has it passed on: the fee
/// that `Vouchers` takes in that token to its treasury, the rest to the payee.
interface IReceivers {
    /// @notice Only `Receivers` takes what is at the addresses that it gives out.
    error NotReceivers(address caller);

    /// @notice `amount` had arrived for a payee, of which `fee` went to the treasury.
    event Swept(address indexed payee, address indexed token, uint256 amount, uint256 fee);

    /// @notice Where tokens for a payee are to be sent.
    function receiverOf(address payee) external view returns (address);

    /// @notice Passes on what has arrived for a payee. Anybody may. A token that `Vouchers` never took knows
    /// no fee.
    /// Reverts with `ZeroAddress`, with `ZeroAmount` where nothing has arrived, or as the token does.
    /// @return amount What had arrived.
    function sweep(address payee, address token) external returns (uint256 amount);

    /// @notice Has a token send what a payer authorized (EIP-3009) to a payee's address, and passes it on.
    /// Anybody may hand it in. Reverts as `sweep` does.
    /// @param signature The payer's over `TransferWithAuthorization`, to `receiverOf(payee)`, in the token's
    /// domain.
    /// @return amount What had arrived, with what was there before.
    function takeAuthorized(
        address payee,
        address token,
        address payer,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice Whose fees and treasury count.
    function vouchers() external view returns (IVouchers);
}
