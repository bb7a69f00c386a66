// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IAuthorizations} from "../interfaces/IAuthorizations.sol";
import {IReceiver, IReceivers} from "../interfaces/IReceivers.sol";
import {IVouchers} from "../interfaces/IVouchers.sol";

/// @title Receiver: what is at the address that a payee is paid at
/// @notice See `IReceiver`.
contract Receiver is IReceiver {
    using SafeERC20 for IERC20;

    /// @dev In the code that all clones share.
    address private immutable _receivers;

    constructor() {
        _receivers = msg.sender;
    }

    /// @inheritdoc IReceiver
    function release(IERC20 token, address to, uint256 amount) external {
        if (msg.sender != _receivers) revert IReceivers.NotReceivers(msg.sender);
        token.safeTransfer(to, amount);
    }
}

/// @title Receivers: addresses that payments which know no fee are sent to
/// @notice See `IReceivers`.
/// @dev Holds nothing itself, and decides nothing: whose the money is, is in the address.
contract Receivers is IReceivers {
    uint256 private constant BPS = 10_000;

    /// @inheritdoc IReceivers
    IVouchers public immutable vouchers;
    address private immutable _receiver;

    constructor(IVouchers vouchers_) {
        if (address(vouchers_) == address(0)) revert Errors.ZeroAddress();
        vouchers = vouchers_;
        _receiver = address(new Receiver());
    }

    /// @inheritdoc IReceivers
    function receiverOf(address payee) public view returns (address) {
        return Clones.predictDeterministicAddress(_receiver, _saltOf(payee));
    }

    /// @inheritdoc IReceivers
    function takeAuthorized(
        address payee,
        address token,
        address payer,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external returns (uint256 amount) {
        IAuthorizations(token)
            .transferWithAuthorization(
                payer, receiverOf(payee), value, validAfter, validBefore, nonce, signature
            );
        return sweep(payee, token);
    }

    /// @inheritdoc IReceivers
    function sweep(address payee, address token) public returns (uint256 amount) {
        if (payee == address(0)) revert Errors.ZeroAddress();
        address receiver = receiverOf(payee);
        amount = IERC20(token).balanceOf(receiver);
        if (amount == 0) revert Errors.ZeroAmount();
        if (receiver.code.length == 0) Clones.cloneDeterministic(_receiver, _saltOf(payee));
        (,, uint256 feeBps) = vouchers.termsOf(token);
        // Rounded up, as where vouchers are claimed.
        uint256 fee = Math.mulDiv(amount, feeBps, BPS, Math.Rounding.Ceil);
        emit Swept(payee, token, amount, fee);
        if (fee != 0) IReceiver(receiver).release(IERC20(token), vouchers.treasury(), fee);
        if (amount != fee) IReceiver(receiver).release(IERC20(token), payee, amount - fee);
    }

    function _saltOf(address payee) private pure returns (bytes32) {
        return bytes32(uint256(uint160(payee)));
    }
}
