// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @notice What hands a deposit over: `collectorData` says how it gets it.
interface ICollector {
    function collect(
        address payer,
        address token,
        uint256 amount,
        bytes32 channelId,
        bytes calldata collectorData
    ) external;
}

/// @title x402's channels, as development networks have them
/// @notice A stand-in by its interface for x402's BatchSettlement, which lives at one address on the chains
/// that have it (specs/schemes/batch-settlement): deposits into channels, cumulative vouchers, claims of many
/// at once, all or none of them. Clients of x402's own that pay us on a development network pay here.
/// Functions, types and address are those that x402's package knows; what is inside is ours, and was never
/// held against theirs.
/// @dev Has neither constructor nor immutables: a development network's first block has the code at x402's
/// address.
contract Channels {
    using SafeERC20 for IERC20;

    struct ChannelConfig {
        address payer;
        /// Signs vouchers; the payer, who may be a contract, where it is zero.
        address payerAuthorizer;
        address receiver;
        /// Says what is claimed.
        address receiverAuthorizer;
        address token;
        /// Seconds between announcing a withdrawal and taking it.
        uint40 withdrawDelay;
        bytes32 salt;
    }

    struct Voucher {
        ChannelConfig channel;
        uint128 maxClaimableAmount;
    }

    struct VoucherClaim {
        Voucher voucher;
        bytes signature;
        uint128 totalClaimed;
    }

    struct Channel {
        uint128 balance;
        uint128 totalClaimed;
    }

    struct Withdrawal {
        uint128 amount;
        uint40 initiatedAt;
    }

    struct Receiver {
        uint128 totalClaimed;
        uint128 totalSettled;
    }

    bytes32 public constant CHANNEL_CONFIG_TYPEHASH = keccak256(
        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
    );
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
    bytes32 private constant REFUND_TYPEHASH =
        keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)");
    bytes32 private constant CLAIM_ENTRY_TYPEHASH =
        keccak256("ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)");
    bytes32 private constant CLAIM_BATCH_TYPEHASH = keccak256(
        "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
    );
    uint40 private constant MIN_DELAY = 15 minutes;
    uint40 private constant MAX_DELAY = 30 days;

    /// @notice What a channel holds, claimed or not, less what was refunded; and what of it was claimed.
    mapping(bytes32 channelId => Channel) public channels;
    mapping(bytes32 channelId => Withdrawal) public pendingWithdrawals;
    mapping(bytes32 channelId => uint256) public refundNonce;
    mapping(address receiver => mapping(address token => Receiver)) public receivers;

    error BadConfig();
    error BadSignature(bytes32 channelId);
    error BadAmount(bytes32 channelId, uint256 amount, uint256 most);
    error NotAllowed(address caller);
    error NotYet(uint256 from);
    error NothingToSettle();

    event Deposited(bytes32 indexed channelId, address indexed payer, uint128 amount);
    event Claimed(bytes32 indexed channelId, uint128 amount, uint128 totalClaimed);
    event Settled(address indexed receiver, address indexed token, address indexed sender, uint128 amount);
    event Refunded(bytes32 indexed channelId, uint128 amount);

    function deposit(
        ChannelConfig calldata config,
        uint128 amount,
        address collector,
        bytes calldata collectorData
    ) external {
        if (
            config.payer == address(0) || config.receiver == address(0)
                || config.receiverAuthorizer == address(0) || config.withdrawDelay < MIN_DELAY
                || config.withdrawDelay > MAX_DELAY || amount == 0
        ) revert BadConfig();
        bytes32 id = getChannelId(config);
        uint256 before = IERC20(config.token).balanceOf(address(this));
        ICollector(collector).collect(config.payer, config.token, amount, id, collectorData);
        if (IERC20(config.token).balanceOf(address(this)) != before + amount) revert BadConfig();
        channels[id].balance += amount;
        emit Deposited(id, config.payer, amount);
    }

    function claim(VoucherClaim[] calldata voucherClaims) external {
        for (uint256 i; i < voucherClaims.length; i++) {
            ChannelConfig calldata config = voucherClaims[i].voucher.channel;
            if (msg.sender != config.receiver && msg.sender != config.receiverAuthorizer) {
                revert NotAllowed(msg.sender);
            }
            _claim(voucherClaims[i]);
        }
    }

    function claimWithSignature(VoucherClaim[] calldata voucherClaims, bytes calldata authorizerSignature)
        external
    {
        bytes32 digest = getClaimBatchDigest(voucherClaims);
        for (uint256 i; i < voucherClaims.length; i++) {
            address authorizer = voucherClaims[i].voucher.channel.receiverAuthorizer;
            if (!SignatureChecker.isValidSignatureNowCalldata(authorizer, digest, authorizerSignature)) {
                revert NotAllowed(authorizer);
            }
            _claim(voucherClaims[i]);
        }
    }

    /// @notice Sends all that was claimed for a receiver, and not sent yet, to it.
    function settle(address receiver, address token) external {
        Receiver storage r = receivers[receiver][token];
        uint128 amount = r.totalClaimed - r.totalSettled;
        if (amount == 0) revert NothingToSettle();
        r.totalSettled = r.totalClaimed;
        emit Settled(receiver, token, msg.sender, amount);
        IERC20(token).safeTransfer(receiver, amount);
    }

    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external {
        if (msg.sender != config.payer && msg.sender != config.payerAuthorizer) {
            revert NotAllowed(msg.sender);
        }
        pendingWithdrawals[getChannelId(config)] = Withdrawal(amount, uint40(block.timestamp));
    }

    function finalizeWithdraw(ChannelConfig calldata config) external {
        bytes32 id = getChannelId(config);
        Withdrawal memory w = pendingWithdrawals[id];
        if (w.initiatedAt == 0 || block.timestamp < w.initiatedAt + config.withdrawDelay) {
            revert NotYet(w.initiatedAt + config.withdrawDelay);
        }
        delete pendingWithdrawals[id];
        Channel storage c = channels[id];
        uint128 rest = c.balance - c.totalClaimed;
        _refund(config, id, w.amount < rest ? w.amount : rest);
    }

    function refund(ChannelConfig calldata config, uint128 amount) external {
        if (msg.sender != config.receiver && msg.sender != config.receiverAuthorizer) {
            revert NotAllowed(msg.sender);
        }
        _refund(config, getChannelId(config), amount);
    }

    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata receiverAuthorizerSignature
    ) external {
        bytes32 id = getChannelId(config);
        if (nonce != refundNonce[id]++) revert BadSignature(id);
        bytes32 digest = getRefundDigest(id, nonce, amount);
        if (!SignatureChecker.isValidSignatureNowCalldata(
                config.receiverAuthorizer, digest, receiverAuthorizerSignature
            )) revert BadSignature(id);
        _refund(config, id, amount);
    }

    function getChannelId(ChannelConfig calldata config) public view returns (bytes32) {
        return _digest(keccak256(abi.encode(CHANNEL_CONFIG_TYPEHASH, config)));
    }

    function getVoucherDigest(bytes32 channelId, uint128 maxClaimableAmount) public view returns (bytes32) {
        return _digest(keccak256(abi.encode(VOUCHER_TYPEHASH, channelId, maxClaimableAmount)));
    }

    function getRefundDigest(bytes32 channelId, uint256 nonce, uint128 amount) public view returns (bytes32) {
        return _digest(keccak256(abi.encode(REFUND_TYPEHASH, channelId, nonce, amount)));
    }

    function getClaimBatchDigest(VoucherClaim[] calldata voucherClaims) public view returns (bytes32) {
        bytes32[] memory entries = new bytes32[](voucherClaims.length);
        for (uint256 i; i < entries.length; i++) {
            VoucherClaim calldata c = voucherClaims[i];
            bytes32 id = getChannelId(c.voucher.channel);
            entries[i] =
                keccak256(abi.encode(CLAIM_ENTRY_TYPEHASH, id, c.voucher.maxClaimableAmount, c.totalClaimed));
        }
        return _digest(keccak256(abi.encode(CLAIM_BATCH_TYPEHASH, keccak256(abi.encodePacked(entries)))));
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256("x402 Batch Settlement"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    function _claim(VoucherClaim calldata c) private {
        ChannelConfig calldata config = c.voucher.channel;
        bytes32 id = getChannelId(config);
        Channel storage channel = channels[id];
        uint256 most =
            channel.balance < c.voucher.maxClaimableAmount ? channel.balance : c.voucher.maxClaimableAmount;
        if (c.totalClaimed > most || c.totalClaimed <= channel.totalClaimed) {
            revert BadAmount(id, c.totalClaimed, most);
        }
        bytes32 digest = getVoucherDigest(id, c.voucher.maxClaimableAmount);
        bool isSigned = config.payerAuthorizer == address(0)
            ? SignatureChecker.isValidSignatureNowCalldata(config.payer, digest, c.signature)
            : ECDSA.recoverCalldata(digest, c.signature) == config.payerAuthorizer;
        if (!isSigned) revert BadSignature(id);
        uint128 amount = c.totalClaimed - channel.totalClaimed;
        channel.totalClaimed = c.totalClaimed;
        receivers[config.receiver][config.token].totalClaimed += amount;
        emit Claimed(id, amount, c.totalClaimed);
    }

    function _refund(ChannelConfig calldata config, bytes32 id, uint128 amount) private {
        Channel storage channel = channels[id];
        uint128 rest = channel.balance - channel.totalClaimed;
        if (amount > rest) revert BadAmount(id, amount, rest);
        channel.balance -= amount;
        emit Refunded(id, amount);
        IERC20(config.token).safeTransfer(config.payer, amount);
    }
}
