// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Treasury} from "../governance/Treasury.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IAuthorizations} from "../interfaces/IAuthorizations.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {ITill} from "../interfaces/ITill.sol";
import {IVouchers} from "../interfaces/IVouchers.sol";
import {Till} from "../libraries/Till.sol";

/// @title Vouchers: models at a price, paid by the token with vouchers
/// @notice See `IVouchers`.
contract Vouchers is IVouchers, EIP712, Treasury {
    using SafeERC20 for IERC20;
    using Till for Till.Books;

    bytes32 private constant CHANNEL_TYPEHASH = keccak256(
        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
    );
    bytes32 private constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
    bytes32 private constant ENTRY_TYPEHASH =
        keccak256("ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)");
    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
    );
    bytes32 private constant REFUND_TYPEHASH =
        keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)");
    bytes32 private constant DRAW_TYPEHASH = keccak256("Draw(bytes32 channelId,uint128 totalDrawn)");
    bytes32 private constant KEY_TYPEHASH = keccak256("Key(address payer)");
    uint256 private constant BPS = 10_000;
    /// @dev Where the words of a claim lie in its row.
    uint256 private constant PAYER_AUTHORIZER = 0x20;
    uint256 private constant RECEIVER = 0x40;
    uint256 private constant RECEIVER_AUTHORIZER = 0x60;
    uint256 private constant TOKEN = 0x80;
    uint256 private constant MOST = 0xe0;
    uint256 private constant SIGNATURE = 0x100;
    uint256 private constant TOTAL = 0x120;
    uint256 private constant PRICED_TOKENS = 1_000_000;

    /// @inheritdoc ITill
    uint256 public constant MAX_FEE_BPS = Till.MAX_FEE_BPS;
    /// @inheritdoc IVouchers
    uint256 public constant WITHDRAW_SECONDS = 15 minutes;
    /// @inheritdoc IVouchers
    uint256 public constant MIN_WITHDRAW_DELAY = 15 minutes;
    /// @inheritdoc IVouchers
    uint256 public constant MAX_WITHDRAW_DELAY = 30 days;
    /// @inheritdoc IVouchers
    uint256 public constant MAX_MODEL_BYTES = 128;
    /// @inheritdoc IVouchers
    uint256 public constant MAX_OPTIONS_BYTES = 8_192;

    /// @dev An offer, for ever. Four slots.
    struct Offer {
        Terms terms;
        bytes32 lease;
    }

    /// @dev Three slots; a claim touches the first alone, and reads and writes it at once.
    struct Channel {
        /// What was ever put in, less what went back.
        uint128 balance;
        uint128 totalClaimed;
        /// What was ever drawn, and what of that went back to the purse.
        uint128 drawn;
        uint128 drawnBack;
        /// What the payer announced to take back, and when; 0 where it didn't.
        uint128 leaving;
        uint40 leavingSince;
        uint64 refundNonce;
    }

    /// @dev What claims of one receiver in one token come to, added up and written once.
    struct Earned {
        address receiver;
        address token;
        uint256 feeBps;
        uint256 amount;
        uint256 fee;
    }

    /// @inheritdoc IVouchers
    IMarket public immutable market;

    /// @inheritdoc IVouchers
    mapping(bytes32 lease => bytes32) public offerOf;
    /// @inheritdoc IVouchers
    mapping(bytes32 lease => uint256) public offerCount;

    Till.Books private _till;
    mapping(bytes32 id => Offer) private _offer;
    mapping(address payer => mapping(address token => Purse)) private _purse;
    mapping(address key => Key) private _key;
    mapping(bytes32 channelId => Channel) private _channel;

    /// @param owner Allows tokens and announces fees and treasury, within their bounds: the governance
    /// executor.
    /// @param tokens_ What can be paid in from the beginning.
    constructor(IMarket market_, address treasury_, address owner, TokenFee[] memory tokens_)
        EIP712("x402 Batch Settlement", "1")
        Ownable(owner)
        Treasury(treasury_)
    {
        if (address(market_) == address(0)) revert Errors.ZeroAddress();
        market = market_;
        for (uint256 i; i < tokens_.length; ++i) {
            _till.setToken(tokens_[i].token, true, tokens_[i].feeBps);
        }
    }

    // OFFERS

    /// @inheritdoc IVouchers
    function offer(bytes32 lease, Terms calldata terms, string calldata model, string calldata options)
        external
        returns (bytes32 id)
    {
        IMarket.Lease memory l = market.leaseOf(lease);
        if (l.state != IMarket.State.Open) revert Errors.LeaseNotOpen(lease);
        if (msg.sender != l.tenant) revert IMarket.NotTenant(msg.sender);
        _till.requireAllowed(terms.token);
        if (terms.payee == address(0)) revert Errors.ZeroAddress();
        (uint256 modelBytes, uint256 optionsBytes) = (bytes(model).length, bytes(options).length);
        if (modelBytes == 0 || modelBytes > MAX_MODEL_BYTES || optionsBytes > MAX_OPTIONS_BYTES) {
            revert BadOffer(modelBytes, optionsBytes);
        }
        id = keccak256(abi.encode(address(this), block.chainid, lease, offerCount[lease]++));
        bytes32 last = offerOf[lease];
        if (last != 0) emit OfferEnded(last, lease);
        offerOf[lease] = id;
        _offer[id] = Offer(terms, lease);
        emit Offered(id, lease, terms, model, options);
    }

    /// @inheritdoc IVouchers
    function endOffer(bytes32 lease) external {
        bytes32 id = offerOf[lease];
        if (id == 0) revert NoOffer(lease);
        IMarket.Lease memory l = market.leaseOf(lease);
        if (l.state == IMarket.State.Open && msg.sender != l.tenant) revert IMarket.NotTenant(msg.sender);
        delete offerOf[lease];
        emit OfferEnded(id, lease);
    }

    // PURSES AND KEYS

    /// @inheritdoc IVouchers
    function deposit(address payer, address token, uint96 amount, Till.Permit calldata permit) external {
        if (payer == address(0)) revert Errors.ZeroAddress();
        if (amount == 0) revert Errors.ZeroAmount();
        _till.requireAllowed(token);
        _purse[payer][token].balance += amount;
        emit PurseFilled(payer, token, msg.sender, amount);
        Till.pull(token, amount, permit);
    }

    /// @inheritdoc IVouchers
    function announceWithdrawal(address token, uint96 amount) external {
        Purse storage purse = _purse[msg.sender][token];
        uint256 leavesAt = amount == 0 ? 0 : block.timestamp + WITHDRAW_SECONDS;
        (purse.leaving, purse.leavesAt) = (amount, uint48(leavesAt));
        emit PurseLeaving(msg.sender, token, amount, leavesAt);
    }

    /// @inheritdoc IVouchers
    function withdrawPurse(address token, address to) external returns (uint256 amount) {
        if (to == address(0)) revert Errors.ZeroAddress();
        Purse storage purse = _purse[msg.sender][token];
        (uint96 balance, uint96 leaving, uint256 leavesAt) = (purse.balance, purse.leaving, purse.leavesAt);
        if (leavesAt == 0) revert NothingAnnounced();
        if (block.timestamp < leavesAt) revert NotYet(leavesAt);
        uint96 taken = leaving < balance ? leaving : balance;
        (purse.balance, purse.leaving, purse.leavesAt) = (balance - taken, 0, 0);
        amount = taken;
        emit PurseEmptied(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IVouchers
    function setKey(address key, address token, uint96 cap, uint48 until, bytes calldata keySignature)
        external
    {
        if (key == address(0)) revert Errors.ZeroAddress();
        Key storage k = _key[key];
        address payer = k.payer;
        if (payer == address(0)) {
            _till.requireAllowed(token);
            bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(KEY_TYPEHASH, msg.sender)));
            if (!_isSigned(digest, keySignature, key)) revert Errors.BadSignature();
            (k.payer, k.token) = (msg.sender, token);
        } else if (payer != msg.sender || k.token != token) {
            revert KeyTaken(key);
        }
        (k.cap, k.until) = (cap, until);
        emit KeySet(key, msg.sender, token, cap, until);
    }

    // CHANNELS

    /// @inheritdoc IVouchers
    function draw(ChannelConfig calldata config, uint128 totalDrawn_, bytes calldata signature)
        external
        returns (uint256 amount)
    {
        Skip reason;
        (amount, reason) = _draw(getChannelId(config), config, totalDrawn_, signature);
        if (reason != Skip.None) revert NothingDrawn(reason);
    }

    /// @inheritdoc IVouchers
    function drawMany(SignedDraw[] calldata draws) external {
        for (uint256 i; i < draws.length; ++i) {
            SignedDraw calldata row = draws[i];
            bytes32 id = getChannelId(row.channel);
            (, Skip reason) = _draw(id, row.channel, row.totalDrawn, row.signature);
            if (reason != Skip.None) emit DrawSkipped(id, reason);
        }
    }

    /// @inheritdoc IVouchers
    function depositWithAuthorization(
        ChannelConfig calldata config,
        uint96 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata signature
    ) external {
        if (amount == 0) revert Errors.ZeroAmount();
        address token = config.token;
        _till.requireAllowed(token);
        if (!_isGood(config)) revert NothingDrawn(Skip.BadChannel);
        bytes32 id = getChannelId(config);
        _putIn(id, config, amount);
        emit ChannelFilled(id, amount);
        uint256 before = IERC20(token).balanceOf(address(this));
        IAuthorizations(token)
            .receiveWithAuthorization(
                config.payer,
                address(this),
                amount,
                validAfter,
                validBefore,
                keccak256(abi.encode(id, salt)),
                signature
            );
        // Some tokens answer any call, and move nothing.
        if (IERC20(token).balanceOf(address(this)) != before + amount) revert NotPaidIn(token, amount);
    }

    /// @inheritdoc IVouchers
    function claim(VoucherClaim[] calldata voucherClaims) external {
        _claim(voucherClaims, msg.sender, new bytes32[](0));
    }

    /// @inheritdoc IVouchers
    function claimWithSignature(VoucherClaim[] calldata voucherClaims, bytes calldata authorizerSignature)
        external
    {
        if (voucherClaims.length == 0) revert Errors.ZeroAmount();
        address authorizer = voucherClaims[0].voucher.channel.receiverAuthorizer;
        bytes32[] memory entries = new bytes32[](voucherClaims.length);
        _claim(voucherClaims, authorizer, entries);
        // All that was claimed is undone unless the authorizer signed it.
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(BATCH_TYPEHASH, keccak256(abi.encodePacked(entries)))));
        if (!_isSigned(digest, authorizerSignature, authorizer)) revert Errors.BadSignature();
    }

    /// @inheritdoc IVouchers
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata receiverAuthorizerSignature
    ) external {
        bytes32 id = getChannelId(config);
        Channel storage channel = _channel[id];
        uint256 next = channel.refundNonce++;
        if (nonce != next) revert BadNonce(nonce, next);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(REFUND_TYPEHASH, id, nonce, amount)));
        if (!_isSigned(digest, receiverAuthorizerSignature, config.receiverAuthorizer)) {
            revert Errors.BadSignature();
        }
        if (_giveBack(id, config, amount) == 0) revert Errors.ZeroAmount();
    }

    /// @inheritdoc IVouchers
    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external {
        _requirePayer(config);
        bytes32 id = getChannelId(config);
        Channel storage channel = _channel[id];
        // A key that others have as well can't put off what its payer announced.
        if (channel.leavingSince != 0 && msg.sender != config.payer) revert NotPayer(msg.sender);
        bool isCalledOff = amount == 0;
        (channel.leaving, channel.leavingSince) = (amount, isCalledOff ? 0 : uint40(block.timestamp));
        emit ChannelLeaving(id, amount, isCalledOff ? 0 : block.timestamp + config.withdrawDelay);
    }

    /// @inheritdoc IVouchers
    function finalizeWithdraw(ChannelConfig calldata config) external {
        _requirePayer(config);
        bytes32 id = getChannelId(config);
        Channel storage channel = _channel[id];
        (uint128 leaving, uint256 since) = (channel.leaving, channel.leavingSince);
        if (since == 0) revert NothingAnnounced();
        uint256 from = since + config.withdrawDelay;
        if (block.timestamp < from) revert NotYet(from);
        (channel.leaving, channel.leavingSince) = (0, 0);
        emit ChannelLeaving(id, 0, 0);
        _giveBack(id, config, leaving);
    }

    // MONEY

    /// @inheritdoc ITill
    function withdraw(address token, address to) external returns (uint256 amount) {
        return _till.withdraw(token, to);
    }

    /// @inheritdoc ITill
    function collect(address token) external returns (uint256 amount) {
        return _till.collect(token, treasury);
    }

    /// @inheritdoc ITill
    function credit(address account, address token) external view returns (uint256) {
        return _till.credit[account][token];
    }

    /// @inheritdoc ITill
    function fees(address token) external view returns (uint256) {
        return _till.fees[token];
    }

    /// @inheritdoc ITill
    function tokens(uint256 index) external view returns (address) {
        return _till.tokens[index];
    }

    /// @inheritdoc ITill
    function tokenCount() external view returns (uint256) {
        return _till.tokenCount;
    }

    /// @inheritdoc ITill
    function termsOf(address token) external view returns (bool allowed, uint8 index, uint16 feeBps) {
        Till.Terms memory terms = _till.termsOf[token];
        return (terms.allowed, terms.index, terms.feeBps);
    }

    // VIEWS

    /// @inheritdoc IVouchers
    function termsOfOffer(bytes32 id) external view returns (Terms memory) {
        return _offer[id].terms;
    }

    /// @inheritdoc IVouchers
    function leaseOfOffer(bytes32 id) external view returns (bytes32) {
        return _offer[id].lease;
    }

    /// @inheritdoc IVouchers
    function priceOf(bytes32 id, uint64 input, uint64 cached, uint64 output) external view returns (uint256) {
        Terms memory terms = _offer[id].terms;
        uint256 known = cached < input ? cached : input;
        // 64 and 96 bits fit.
        uint256 price =
            (uint256(input) - known) * terms.input + known * terms.cached + uint256(output) * terms.output;
        return (price + PRICED_TOKENS - 1) / PRICED_TOKENS;
    }

    /// @inheritdoc IVouchers
    function purseOf(address payer, address token) external view returns (Purse memory) {
        return _purse[payer][token];
    }

    /// @inheritdoc IVouchers
    function keyOf(address key) external view returns (Key memory) {
        return _key[key];
    }

    /// @inheritdoc IVouchers
    function channels(bytes32 channelId) external view returns (uint128 balance, uint128 totalClaimed) {
        Channel storage channel = _channel[channelId];
        return (channel.balance, channel.totalClaimed);
    }

    /// @inheritdoc IVouchers
    function totalDrawn(bytes32 channelId) external view returns (uint128) {
        return _channel[channelId].drawn;
    }

    /// @inheritdoc IVouchers
    function pendingWithdrawals(bytes32 channelId)
        external
        view
        returns (uint128 amount, uint40 initiatedAt)
    {
        Channel storage channel = _channel[channelId];
        return (channel.leaving, channel.leavingSince);
    }

    /// @inheritdoc IVouchers
    function refundNonce(bytes32 channelId) external view returns (uint256) {
        return _channel[channelId].refundNonce;
    }

    /// @inheritdoc IVouchers
    function getChannelId(ChannelConfig calldata config) public view returns (bytes32) {
        uint256 at;
        assembly ("memory-safe") {
            at := config
        }
        return _channelId(_domainSeparatorV4(), at);
    }

    // GOVERNANCE

    /// @inheritdoc ITill
    function setToken(address token, bool allowed, uint256 feeBps) external onlyOwner {
        bool isRaised = _till.setToken(token, allowed, feeBps);
        if (isRaised) _useAnnouncement();
    }

    // INTERNAL

    /// @dev Moves what a draw has more than those before it, as far as purse and key have it.
    function _draw(bytes32 id, ChannelConfig calldata config, uint128 total, bytes calldata signature)
        private
        returns (uint256 amount, Skip reason)
    {
        Channel storage channel = _channel[id];
        uint256 drawn = channel.drawn;
        if (total <= drawn) return (0, Skip.NotGrowing);
        if (!_isGood(config)) return (0, Skip.BadChannel);
        address authorizer = config.payerAuthorizer;
        bytes32 digest = _digest(_domainSeparatorV4(), DRAW_TYPEHASH, id, total);
        if (!_isSigned(digest, signature, authorizer)) return (0, Skip.NotSigned);

        Purse storage purse = _purse[config.payer][config.token];
        amount = total - drawn;
        if (amount > purse.balance) amount = purse.balance;
        if (amount == 0) return (0, Skip.PurseEmpty);
        if (authorizer != config.payer) {
            Key storage key = _key[authorizer];
            if (key.payer != config.payer || key.token != config.token) return (0, Skip.NotPayersKey);
            if (block.timestamp > key.until) return (0, Skip.KeyOver);
            (uint256 cap, uint256 drawnByKey) = (key.cap, key.drawn);
            if (cap <= drawnByKey) return (0, Skip.KeyUsedUp);
            if (amount > cap - drawnByKey) amount = cap - drawnByKey;
            // At most the cap.
            key.drawn = uint96(drawnByKey + amount);
        }
        // At most the purse's balance, of 96 bits, and at most the total, of 128.
        purse.balance -= uint96(amount);
        channel.drawn = uint128(drawn + amount);
        _putIn(id, config, amount);
        emit Drawn(id, amount);
    }

    /// @dev Adds to a channel. The first money in it says on chain who it is between.
    function _putIn(bytes32 id, ChannelConfig calldata config, uint256 amount) private {
        Channel storage channel = _channel[id];
        uint256 balance = channel.balance;
        if (balance == 0) emit ChannelOpened(id, config.payer, config);
        channel.balance = SafeCast.toUint128(balance + amount);
    }

    /// @dev Puts `amount` of what isn't claimed, or all of that, back into the purse. What a key drew, it may
    /// draw again.
    function _giveBack(bytes32 id, ChannelConfig calldata config, uint128 amount)
        private
        returns (uint256 given)
    {
        Channel storage channel = _channel[id];
        (uint128 balance, uint128 claimed) = (channel.balance, channel.totalClaimed);
        if (amount > balance - claimed) amount = balance - claimed;
        if (amount == 0) return 0;
        channel.balance = balance - amount;
        uint128 fromDraws = channel.drawn - channel.drawnBack;
        if (fromDraws > amount) fromDraws = amount;
        if (fromDraws != 0) {
            channel.drawnBack += fromDraws;
            // All that was drawn by a key fits, and is counted there.
            if (config.payerAuthorizer != config.payer) {
                _key[config.payerAuthorizer].drawn -= SafeCast.toUint96(fromDraws);
            }
        }
        _purse[config.payer][config.token].balance += SafeCast.toUint96(amount);
        emit ChannelReturned(id, amount);
        return amount;
    }

    /// @dev Claims what the authorizer may. Fills in the hashes of the rows, where there is room for them.
    /// Rows are read word by word: a claim is what this contract is called for most, and checks of types that
    /// nothing depends on were a fifth of it. A channel with money has an id of clean words, and an amount
    /// of more than 128 bits is more than any channel has.
    function _claim(VoucherClaim[] calldata rows, address authorizer, bytes32[] memory entries) private {
        Earned memory earned;
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i; i < rows.length; ++i) {
            uint256 row;
            assembly ("memory-safe") {
                row := add(rows.offset, calldataload(add(rows.offset, shl(5, i))))
            }
            bytes32 id = _channelId(domain, row);
            if (entries.length != 0) entries[i] = _entryHash(id, _word(row, MOST), _word(row, TOTAL));
            (uint256 amount, Skip reason) = _claimRow(domain, id, row, authorizer);
            if (amount == 0) {
                emit ClaimSkipped(id, reason);
                continue;
            }
            (uint256 receiver, uint256 token) = (_word(row, RECEIVER), _word(row, TOKEN));
            if (receiver != uint160(earned.receiver) || token != uint160(earned.token)) {
                _credit(earned);
                earned = Earned(
                    address(uint160(receiver)),
                    address(uint160(token)),
                    _till.termsOf[address(uint160(token))].feeBps,
                    0,
                    0
                );
            }
            // Sums of what this contract holds fit, and so does an amount of 128 bits times a fee of 16.
            unchecked {
                // Rounded up, against the receiver, who would gain by claiming often.
                uint256 fee = (amount * earned.feeBps + BPS - 1) / BPS;
                earned.amount += amount - fee;
                earned.fee += fee;
                emit ChannelClaimed(id, amount, fee);
            }
        }
        _credit(earned);
    }

    /// @dev Claims of one channel what its receiver is to be owed, or says why nothing is.
    function _claimRow(bytes32 domain, bytes32 id, uint256 row, address authorizer)
        private
        returns (uint256 amount, Skip reason)
    {
        if (_word(row, RECEIVER_AUTHORIZER) != uint160(authorizer)) {
            return (0, Skip.ForeignAuthorizer);
        }
        (uint256 total, uint256 most) = (_word(row, TOTAL), _word(row, MOST));
        if (total > most) return (0, Skip.AboveVoucher);
        Channel storage channel = _channel[id];
        uint256 both;
        assembly ("memory-safe") {
            both := sload(channel.slot)
        }
        (uint256 balance, uint256 claimed) = (uint128(both), both >> 128);
        if (total <= claimed) return (0, Skip.NotGrowing);
        if (total > balance) return (0, Skip.AboveBalance);
        if (!_isVoucher(_digest(domain, VOUCHER_TYPEHASH, id, most), row)) return (0, Skip.NotSigned);
        both = balance | total << 128;
        assembly ("memory-safe") {
            sstore(channel.slot, both)
        }
        unchecked {
            amount = total - claimed;
        }
    }

    /// @dev Whether a row's payer authorizer signed a voucher's digest.
    function _isVoucher(bytes32 digest, uint256 row) private view returns (bool) {
        bytes calldata signature;
        assembly ("memory-safe") {
            let at := add(row, calldataload(add(row, SIGNATURE)))
            signature.length := calldataload(at)
            signature.offset := add(at, 0x20)
        }
        return _isSigned(digest, signature, address(uint160(_word(row, PAYER_AUTHORIZER))));
    }

    function _word(uint256 row, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(row, at))
        }
    }

    function _credit(Earned memory earned) private {
        _till.owe(earned.receiver, earned.token, earned.amount);
        _till.oweFee(earned.token, earned.fee);
    }

    /// @dev A channel's typed-data digest. Words that aren't clean make an id that no other function gets as
    /// far as: it reverts where it reads them.
    function _channelId(bytes32 domain, uint256 config) private pure returns (bytes32 id) {
        bytes32 typehash = CHANNEL_TYPEHASH;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, typehash)
            // Seven static members: one word each, in order, as EIP-712 asks.
            calldatacopy(add(at, 0x20), config, 0xe0)
            let structHash := keccak256(at, 0x100)
            mstore(at, shl(240, 0x1901))
            mstore(add(at, 0x02), domain)
            mstore(add(at, 0x22), structHash)
            id := keccak256(at, 0x42)
        }
    }

    /// @dev The typed-data digest of a channel's id and an amount.
    function _digest(bytes32 domain, bytes32 typehash, bytes32 id, uint256 amount)
        private
        pure
        returns (bytes32 digest)
    {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, typehash)
            mstore(add(at, 0x20), id)
            mstore(add(at, 0x40), amount)
            let structHash := keccak256(at, 0x60)
            mstore(at, shl(240, 0x1901))
            mstore(add(at, 0x02), domain)
            mstore(add(at, 0x22), structHash)
            digest := keccak256(at, 0x42)
        }
    }

    /// @dev The struct hash of a row of a batch.
    function _entryHash(bytes32 id, uint256 most, uint256 total) private pure returns (bytes32 hash) {
        bytes32 typehash = ENTRY_TYPEHASH;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, typehash)
            mstore(add(at, 0x20), id)
            mstore(add(at, 0x40), most)
            mstore(add(at, 0x60), total)
            hash := keccak256(at, 0x80)
        }
    }

    function _isGood(ChannelConfig calldata config) private pure returns (bool) {
        return config.receiver != address(0) && config.receiverAuthorizer != address(0)
            && config.withdrawDelay >= MIN_WITHDRAW_DELAY && config.withdrawDelay <= MAX_WITHDRAW_DELAY;
    }

    function _requirePayer(ChannelConfig calldata config) private view {
        if (msg.sender != config.payer && msg.sender != config.payerAuthorizer) revert NotPayer(msg.sender);
    }

    function _isSigned(bytes32 digest, bytes calldata signature, address account)
        private
        view
        returns (bool isSigned)
    {
        if (signature.length != 65 || account == address(0)) return false;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, digest)
            // r and s lie one after the other, then v in a byte.
            calldatacopy(add(at, 0x40), signature.offset, 0x40)
            mstore(add(at, 0x20), byte(0, calldataload(add(signature.offset, 0x40))))
            mstore(0, 0)
            pop(staticcall(gas(), 1, at, 0x80, 0, 0x20))
            isSigned := and(
                eq(mload(0), account),
                lt(mload(add(at, 0x60)), 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1)
            )
        }
    }
}
