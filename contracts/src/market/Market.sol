// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Treasury} from "../governance/Treasury.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {ITill} from "../interfaces/ITill.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Room} from "../libraries/Room.sol";
import {Till} from "../libraries/Till.sol";

/// @title Market: leases of compute, paid per covered second
/// @notice See `IMarket`.
/// @dev For every token: balance of this contract = lease balances + credits + fees (see `Till`).
contract Market is IMarket, EIP712, Treasury {
    using SafeERC20 for IERC20;
    using Room for Room.Taken;
    using Till for Till.Books;

    bytes32 private constant BID_TYPEHASH = keccak256(
        "Bid(address tenant,address worker,address token,uint80 ratePerSecond,uint96 minimumDeposit,uint48 expiry,uint64 room,uint16 noticeMinutes,bytes32 manifestHash,bytes32 order,uint256 salt)"
    );

    bytes32 private constant RESIZE_TYPEHASH = keccak256(
        "ResizeBid(bytes32 lease,uint64 number,uint80 ratePerSecond,uint96 minimumBalance,uint48 expiry,uint64 room,bytes32 manifestHash,bytes32 order)"
    );

    /// @inheritdoc ITill
    uint256 public constant MAX_FEE_BPS = Till.MAX_FEE_BPS;
    /// @inheritdoc IMarket
    uint256 public constant REFUSAL_SECONDS = 5 minutes;
    /// @inheritdoc IMarket
    uint256 public constant USED_UP_SECONDS = 60;
    /// @inheritdoc IMarket
    uint256 public constant MIN_NOTICE_PERIOD = 1 hours;
    /// @inheritdoc IMarket
    uint256 public constant MAX_NOTICE_PERIOD = 30 days;

    /// @inheritdoc IMarket
    IWorkers public immutable workers;

    /// @inheritdoc IMarket
    uint256 public noticePeriod = 1 days;

    /// @inheritdoc IMarket
    mapping(bytes32 id => uint256) public resizes;

    Till.Books private _till;
    Room.Taken private _roomTaken;
    mapping(bytes32 id => Lease) private _lease;

    /// @param owner Allows tokens and announces fees, treasury and notice period, within their bounds: the
    /// governance executor.
    /// @param tokens What leases can be paid in from the beginning.
    constructor(IWorkers workers_, address treasury_, address owner, TokenFee[] memory tokens)
        EIP712("Cloister Market", "1")
        Ownable(owner)
        Treasury(treasury_)
    {
        if (address(workers_) == address(0)) revert Errors.ZeroAddress();
        workers = workers_;
        for (uint256 i; i < tokens.length; ++i) {
            _till.setToken(tokens[i].token, true, tokens[i].feeBps);
        }
    }

    // TENANTS

    /// @inheritdoc IMarket
    function open(
        Bid calldata bid,
        bytes calldata signature,
        uint256 deposit,
        bytes32 name,
        Till.Permit calldata permit
    ) external returns (bytes32 id) {
        id = _open(bid, signature, deposit, name);
        Till.pull(bid.token, deposit, permit);
    }

    /// @inheritdoc IMarket
    function openMany(Opening[] calldata openings, Till.Permit calldata permit)
        external
        returns (bytes32[] memory ids)
    {
        if (openings.length == 0) revert Errors.ZeroAmount();
        address token = openings[0].bid.token;
        ids = new bytes32[](openings.length);
        uint256 total;
        for (uint256 i; i < openings.length; ++i) {
            Opening calldata opening = openings[i];
            if (opening.bid.token != token) revert MixedTokens(token, opening.bid.token);
            ids[i] = _open(opening.bid, opening.signature, opening.deposit, opening.name);
            total += opening.deposit;
        }
        Till.pull(token, total, permit);
    }

    /// @inheritdoc IMarket
    function topUp(bytes32 id, uint256 amount, Till.Permit calldata permit) external {
        if (amount == 0) revert Errors.ZeroAmount();
        Lease storage lease = _requireOpen(id);
        // Seconds that the old balance couldn't pay for are forgiven, not charged to the new money.
        _settleOne(id, lease);
        // All that was ever put in fits, so that `spent` always will.
        SafeCast.toUint96(uint256(lease.spent) + lease.balance + amount);
        lease.balance += uint96(amount);
        emit LeaseToppedUp(id, msg.sender, amount);
        Till.pull(_till.tokens[lease.tokenIndex], amount, permit);
    }

    /// @inheritdoc IMarket
    function update(bytes32 id, bytes32 manifestHash) external {
        Lease storage lease = _requireOpen(id);
        if (msg.sender != lease.tenant) revert NotTenant(msg.sender);
        lease.manifestHash = manifestHash;
        emit LeaseUpdated(id, manifestHash);
    }

    /// @inheritdoc IMarket
    function resize(
        ResizeBid calldata bid,
        bytes calldata signature,
        uint256 added,
        Till.Permit calldata permit
    ) external {
        Lease storage lease = _requireOpen(bid.lease);
        if (msg.sender != lease.tenant) revert NotTenant(msg.sender);
        if (block.timestamp > bid.expiry) revert BidExpired(bid.expiry);
        if (bid.ratePerSecond == 0) revert Errors.ZeroAmount();
        uint256 number = resizes[bid.lease]++;
        if (bid.number != number) revert BidOutdated(bid.lease, number);
        address worker = lease.worker;
        (address provider,, uint256 until) = workers.billing(worker);
        if (until <= block.timestamp) revert Errors.WorkerNotCovered(worker, until);
        if (!_isSigned(resizeDigest(bid), signature, worker, provider)) revert Errors.BadSignature();
        _roomTaken.change(worker, lease.room, bid.room);

        // The seconds until now cost what they cost when they began.
        _settleOne(bid.lease, lease);
        uint256 balance = lease.balance + added;
        if (balance == 0 || balance < bid.minimumBalance) {
            revert DepositTooSmall(balance, bid.minimumBalance);
        }
        // All that was ever put in fits, so that `spent` always will.
        SafeCast.toUint96(lease.spent + balance);
        lease.balance = uint96(balance);
        lease.ratePerSecond = bid.ratePerSecond;
        lease.room = bid.room;
        lease.manifestHash = bid.manifestHash;
        emit LeaseResized(bid.lease, bid.ratePerSecond, bid.room, bid.manifestHash);
        if (added == 0) return;
        emit LeaseToppedUp(bid.lease, msg.sender, added);
        Till.pull(_till.tokens[lease.tokenIndex], added, permit);
    }

    // BILLING

    /// @inheritdoc IMarket
    function settle(bytes32 id) external {
        _settleOne(id, _requireOpen(id));
    }

    /// @inheritdoc IMarket
    function settleMany(bytes32[] calldata ids) public {
        // Credits to one provider in one token are added up and written once.
        address provider;
        address token;
        uint256 earned;
        uint256 feeSum;
        for (uint256 i; i < ids.length; ++i) {
            Lease storage lease = _lease[ids[i]];
            if (lease.state != State.Open) continue;
            (address p, address t, uint256 amount, uint256 fee) = _settle(ids[i], lease);
            if (p != provider || t != token) {
                _credit(provider, token, earned, feeSum);
                (provider, token, earned, feeSum) = (p, t, 0, 0);
            }
            earned += amount - fee;
            feeSum += fee;
        }
        _credit(provider, token, earned, feeSum);
    }

    /// @inheritdoc IMarket
    function attestAndSettle(
        address worker,
        bytes32 pckKey,
        uint256 blockNumber,
        bytes32 tlsKeyHash,
        bytes calldata quote,
        bytes32[] calldata ids
    ) external {
        workers.attest(worker, pckKey, blockNumber, tlsKeyHash, quote);
        settleMany(ids);
    }

    // ENDS

    /// @inheritdoc IMarket
    function giveNotice(bytes32 id) external {
        Lease storage lease = _requireOpen(id);
        _requireProvider(lease.worker);
        if (lease.noticeUntil != 0) return;
        uint256 minutes_ = lease.noticeMinutes;
        uint256 notice = minutes_ == 0 ? noticePeriod : minutes_ * 1 minutes;
        lease.noticeUntil = SafeCast.toUint32(block.timestamp + notice);
        emit NoticeGiven(id, lease.noticeUntil);
    }

    /// @inheritdoc IMarket
    function refuse(bytes32 id) external {
        Lease storage lease = _requireOpen(id);
        _requireProvider(lease.worker);
        (, uint256 coveredSeconds,) = workers.billing(lease.worker);
        if (lease.spent != 0 || coveredSeconds - lease.settledSeconds > REFUSAL_SECONDS) {
            revert AlreadyEarning(id);
        }
        uint256 refund = lease.balance;
        lease.balance = 0;
        lease.state = State.Refused;
        _roomTaken.giveBack(lease.worker, lease.room);
        emit LeaseRefused(id, msg.sender, refund);
        _creditTenant(id, lease.tenant, _till.tokens[lease.tokenIndex], refund);
    }

    /// @inheritdoc IMarket
    function close(bytes32 id, address recipient) external {
        Lease storage lease = _requireOpen(id);
        address provider = _settleOne(id, lease);
        address tenant = lease.tenant;
        uint256 refund = lease.balance;
        bool byTenant = msg.sender == tenant;
        if (!byTenant && refund != 0) {
            uint256 noticeUntil = lease.noticeUntil;
            bool byProvider = msg.sender == provider || msg.sender == lease.worker;
            bool isOver = noticeUntil != 0 && block.timestamp >= noticeUntil;
            bool isUsedUp = refund < uint256(lease.ratePerSecond) * USED_UP_SECONDS;
            if (!byProvider || !(isOver || isUsedUp)) revert MayNotClose(id, noticeUntil);
        }
        lease.balance = 0;
        lease.state = State.Closed;
        _roomTaken.giveBack(lease.worker, lease.room);
        emit LeaseClosed(id, msg.sender, refund);
        if (refund == 0) return;
        address token = _till.tokens[lease.tokenIndex];
        bool isSent = byTenant && recipient != address(0) && IERC20(token).trySafeTransfer(recipient, refund);
        if (!isSent) _creditTenant(id, tenant, token, refund);
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

    /// @inheritdoc IMarket
    function leaseOf(bytes32 id) external view returns (Lease memory) {
        return _lease[id];
    }

    /// @inheritdoc IMarket
    function accrued(bytes32 id) external view returns (uint256 amount) {
        Lease storage lease = _lease[id];
        if (lease.state != State.Open) return 0;
        (, uint256 coveredSeconds,) = workers.billing(lease.worker);
        (, amount) = _accrual(lease, coveredSeconds);
    }

    /// @inheritdoc IMarket
    function roomTaken(address worker) external view returns (uint64) {
        return _roomTaken.takenOf(worker);
    }

    /// @inheritdoc IMarket
    function isSigned(bytes32 digest, bytes calldata signature, address worker) external view returns (bool) {
        (address provider,,) = workers.billing(worker);
        return _isSigned(digest, signature, worker, provider);
    }

    /// @inheritdoc IMarket
    function bidDigest(Bid calldata bid) public view returns (bytes32) {
        // The struct has static members only, so it is encoded as EIP-712 asks: one word a member, in order.
        return _hashTypedDataV4(keccak256(abi.encode(BID_TYPEHASH, bid)));
    }

    /// @inheritdoc IMarket
    function resizeDigest(ResizeBid calldata bid) public view returns (bytes32) {
        // Static members only, as a bid's.
        return _hashTypedDataV4(keccak256(abi.encode(RESIZE_TYPEHASH, bid)));
    }

    // GOVERNANCE

    /// @inheritdoc ITill
    function setToken(address token, bool allowed, uint256 feeBps) external onlyOwner {
        bool isRaised = _till.setToken(token, allowed, feeBps);
        if (isRaised) _useAnnouncement();
    }

    /// @inheritdoc IMarket
    function setNoticePeriod(uint256 seconds_) external onlyOwner {
        _useAnnouncement();
        if (seconds_ < MIN_NOTICE_PERIOD || seconds_ > MAX_NOTICE_PERIOD) {
            revert Errors.OutOfBounds(seconds_, MIN_NOTICE_PERIOD, MAX_NOTICE_PERIOD);
        }
        noticePeriod = seconds_;
        emit NoticePeriodSet(seconds_);
    }

    // INTERNAL

    /// @dev Opens a lease whose deposit is pulled by the caller.
    function _open(Bid calldata bid, bytes calldata signature, uint256 deposit, bytes32 name)
        private
        returns (bytes32 id)
    {
        if (msg.sender != bid.tenant) revert NotTenant(msg.sender);
        if (block.timestamp > bid.expiry) revert BidExpired(bid.expiry);
        if (deposit == 0 || bid.ratePerSecond == 0) revert Errors.ZeroAmount();
        if (deposit < bid.minimumDeposit) revert DepositTooSmall(deposit, bid.minimumDeposit);
        Till.Terms memory terms = _till.requireAllowed(bid.token);
        id = bidDigest(bid);
        Lease storage lease = _lease[id];
        if (lease.state != State.None) revert BidTaken(id);
        (address provider, uint256 coveredSeconds, uint256 until) = workers.billing(bid.worker);
        if (provider == address(0)) revert Errors.UnknownWorker(bid.worker);
        if (until <= block.timestamp) revert Errors.WorkerNotCovered(bid.worker, until);
        if (!_isSigned(id, signature, bid.worker, provider)) revert Errors.BadSignature();
        _roomTaken.take(bid.worker, bid.room);

        lease.tenant = bid.tenant;
        lease.settledSeconds = uint32(coveredSeconds);
        lease.noticeMinutes = bid.noticeMinutes;
        lease.tokenIndex = terms.index;
        lease.state = State.Open;
        lease.worker = bid.worker;
        lease.ratePerSecond = bid.ratePerSecond;
        lease.feeBps = terms.feeBps;
        lease.balance = SafeCast.toUint96(deposit);
        lease.room = bid.room;
        lease.manifestHash = bid.manifestHash;
        _emitOpened(id, bid, provider, deposit, terms.feeBps, name);
    }

    function _requireOpen(bytes32 id) private view returns (Lease storage lease) {
        lease = _lease[id];
        if (lease.state != State.Open) revert Errors.LeaseNotOpen(id);
    }

    /// @dev Apart from `open` for the stack's sake.
    function _emitOpened(
        bytes32 id,
        Bid calldata bid,
        address provider,
        uint256 deposit,
        uint256 feeBps,
        bytes32 name
    ) private {
        emit LeaseOpened(
            id,
            bid.tenant,
            bid.worker,
            provider,
            bid.token,
            bid.ratePerSecond,
            deposit,
            feeBps,
            bid.noticeMinutes,
            bid.manifestHash,
            name
        );
    }

    function _requireProvider(address worker) private view {
        if (msg.sender == worker) return;
        (address provider,,) = workers.billing(worker);
        if (msg.sender != provider) revert Errors.NotProvider(msg.sender);
    }

    function _isSigned(bytes32 digest, bytes calldata signature, address worker, address provider)
        private
        view
        returns (bool)
    {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err == ECDSA.RecoverError.NoError && recovered == worker) return true;
        return SignatureChecker.isValidSignatureNowCalldata(provider, digest, signature);
    }

    /// @dev Accrued = min(balance, rate × covered seconds since the last settlement).
    function _accrual(Lease storage lease, uint256 coveredSeconds)
        private
        view
        returns (uint256 newSeconds, uint256 amount)
    {
        newSeconds = coveredSeconds - lease.settledSeconds;
        uint256 balance = lease.balance;
        amount = uint256(lease.ratePerSecond) * newSeconds;
        if (amount > balance) amount = balance;
    }

    /// @dev Moves what is accrued out of the lease without crediting it. The fee is the only quotient: it is
    /// rounded up, against the provider, who would gain by settling often, unless the treasury itself
    /// triggers.
    function _settle(bytes32 id, Lease storage lease)
        private
        returns (address provider, address token, uint256 amount, uint256 fee)
    {
        uint256 coveredSeconds;
        (provider, coveredSeconds,) = workers.billing(lease.worker);
        token = _till.tokens[lease.tokenIndex];
        uint256 newSeconds;
        (newSeconds, amount) = _accrual(lease, coveredSeconds);
        if (newSeconds == 0) return (provider, token, 0, 0);
        lease.settledSeconds = uint32(coveredSeconds);
        if (amount != 0) {
            // Nothing is cut off: amount ≤ balance, and spent + balance is what was put in, which fits.
            bool isExact;
            (fee, isExact) = Till.feeOf(uint96(amount), lease.feeBps);
            if (!isExact && msg.sender != treasury) ++fee;
            lease.balance -= uint96(amount);
            lease.spent += uint96(amount);
        }
        emit LeaseSettled(id, newSeconds, amount, fee);
    }

    function _settleOne(bytes32 id, Lease storage lease) private returns (address provider) {
        address token;
        uint256 amount;
        uint256 fee;
        (provider, token, amount, fee) = _settle(id, lease);
        _credit(provider, token, amount - fee, fee);
    }

    function _creditTenant(bytes32 id, address tenant, address token, uint256 amount) private {
        _till.owe(tenant, token, amount);
        emit Credited(id, tenant, token, amount);
    }

    function _credit(address provider, address token, uint256 earned, uint256 fee) private {
        _till.owe(provider, token, earned);
        _till.oweFee(token, fee);
    }
}
