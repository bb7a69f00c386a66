// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAuthorizations} from "../../interfaces/IAuthorizations.sol";
import {ICollector} from "./Channels.sol";

/// @title What brings signed deposits into x402's channels, as development networks have them
/// @notice A stand-in by its interface for x402's ERC3009DepositCollector: the payer signs a transfer to it
/// (EIP-3009) whose nonce names the channel, so that nobody brings it into another one.
contract Collector is ICollector {
    using SafeERC20 for IERC20;

    /// @notice Where x402's channels are, on every chain that has them.
    address public constant CHANNELS = 0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003;

    error NotChannels(address caller);

    /// @notice `collectorData`: `validAfter`, `validBefore`, `salt` and the payer's signature.
    function collect(
        address payer,
        address token,
        uint256 amount,
        bytes32 channelId,
        bytes calldata collectorData
    ) external {
        if (msg.sender != CHANNELS) revert NotChannels(msg.sender);
        (uint256 validAfter, uint256 validBefore, uint256 salt, bytes memory signature) =
            abi.decode(collectorData, (uint256, uint256, uint256, bytes));
        bytes32 nonce = keccak256(abi.encode(channelId, salt));
        IAuthorizations(token)
            .receiveWithAuthorization(payer, address(this), amount, validAfter, validBefore, nonce, signature);
        IERC20(token).safeTransfer(CHANNELS, amount);
    }
}
