// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {LeaseTerms} from "./LeaseTerms.sol";
import {Room} from "../libraries/Room.sol";
import {Workers} from "./Workers.sol";

/// @title Market: leases of compute, paid per covered second
/// @notice A tenant opens a lease by taking a bid that a provider signed off chain. The deposit is held here
/// and earned by the provider, less the fee, for exactly those seconds in which the worker was covered (see
/// Workers). The tenant closes at will and gets the rest. What providers, treasury and tenants are owed is
/// credited and withdrawn by them.
/// @dev For every token: balance of this contract = lease balances + credits + fees. Tokens on the
/// allow-list must move exactly the amount asked: no fee on transfer, no rebasing.
contract Market is EIP712, LeaseTerms {
    using SafeERC20 for IERC20;
    using Room for Room.Taken;

    /// @notice A provider's price for one order on one worker. Signed (EIP-712) by the worker's key, or by
    /// the provider, who may be a contract (ERC-1271). Its typed-data digest is the lease's id, so it can be
    /// taken once.
    struct Bid {
        address tenant;
        address worker;
        address token;
        /// Base units of `token` per covered second.
        uint80 ratePerSecond;
        /// Base units that the lease has to be opened with, at least.
        uint96 minimumDeposit;
        /// Last second, Unix, at which the bid can be taken.
        uint48 expiry;
        /// What of the worker the lease takes (see `Room`). The bid can't be taken while the worker has
        /// less.
        uint64 room;
        /// SHA-256 of the canonical manifest.
        bytes32 manifestHash;
        /// SHA-256 of the canonical order the bid answers.
        bytes32 order;
        uint256 salt;
    }

    /// @notice An ERC-2612 permit for this contract; `deadline` zero means none is given.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    enum State {
        None,
        Open,
        Closed,
        /// Turned down by the provider before it had earned anything.
        Refused
    }

    /// @dev Four slots.
    struct Lease {
        address tenant;
        /// The worker's covered seconds that are settled.
        uint40 settledSeconds;
        /// When the provider may close, Unix seconds; 0 without notice.
        uint40 noticeUntil;
        /// Index into `tokens`.
        uint8 tokenIndex;
        State state;
        address worker;
        /// Base units per covered second.
        uint80 ratePerSecond;
        /// Hundredths of a percent of what is paid, fixed when the lease is opened.
        uint16 feeBps;
        /// Base units still held for this lease.
        uint96 balance;
        /// Base units paid so far, fee included.
        uint96 spent;
        /// What it takes of the worker while it is open.
        uint64 room;
        bytes32 manifestHash;
    }

    error NotTenant(address caller);
    error NotProvider(address caller);
    error BidExpired(uint256 expiry);
    error BidTaken(bytes32 id);
    error BadSignature();
    error UnknownWorker(address worker);
    error WorkerNotCovered(address worker, uint256 until);
    error LeaseNotOpen(bytes32 id);
    error DepositTooSmall(uint256 deposit, uint256 minimum);
    error AlreadyEarning(bytes32 id);
    error MayNotClose(bytes32 id, uint256 noticeUntil);

    event LeaseOpened(
        bytes32 indexed id,
        address indexed tenant,
        address indexed worker,
        address provider,
        address token,
        uint256 ratePerSecond,
        uint256 deposit,
        uint256 feeBps,
        bytes32 manifestHash,
        bytes32 name
    );
    event LeaseToppedUp(bytes32 indexed id, address indexed payer, uint256 amount);
    event LeaseUpdated(bytes32 indexed id, bytes32 manifestHash);
    /// @notice `coveredSeconds` more seconds are settled; `amount` left the lease, of which `fee` is the
    /// treasury's.
    event LeaseSettled(bytes32 indexed id, uint256 coveredSeconds, uint256 amount, uint256 fee);
    event NoticeGiven(bytes32 indexed id, uint256 noticeUntil);
    /// @notice `refund` went to whom the tenant named, or else is the tenant's credit (see `Credited`).
    event LeaseClosed(bytes32 indexed id, address indexed by, uint256 refund);
    /// @notice What was left of a lease waits for its tenant, who can withdraw it.
    event Credited(bytes32 indexed id, address indexed tenant, address token, uint256 amount);
    /// @notice The provider turned down a lease that had earned nothing; the deposit is the tenant's again.
    event LeaseRefused(bytes32 indexed id, address indexed by, uint256 refund);
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);

    bytes32 private constant BID_TYPEHASH = keccak256(
        "Bid(address tenant,address worker,address token,uint80 ratePerSecond,uint96 minimumDeposit,uint48 expiry,uint64 room,bytes32 manifestHash,bytes32 order,uint256 salt)"
    );

    /// @notice Covered seconds within which a provider may still turn a lease down, forgoing them.
    uint256 public constant REFUSAL_SECONDS = 5 minutes;
    /// @notice With less left than so many seconds cost, a lease counts as used up for its provider, so that
    /// dust keeps no room.
    uint256 public constant USED_UP_SECONDS = 60;

    Workers public immutable workers;

    /// @notice Base units an account may withdraw.
    mapping(address account => mapping(address token => uint256)) public credit;

    Room.Taken private _roomTaken;
    mapping(bytes32 id => Lease) private _lease;

    /// @param owner Allows tokens and announces fees, treasury and notice period, within their bounds: the
    /// governance executor.
    constructor(Workers workers_, address treasury_, address owner)
        EIP712("Cloister Market", "1")
        Ownable(owner)
        LeaseTerms(treasury_)
    {
        if (address(workers_) == address(0)) revert ZeroAddress();
        workers = workers_;
    }

    // TENANTS

    /// @notice Takes a bid: opens a lease with `deposit` base units, all in one transaction.
    /// @param bid The bid; the caller must be its tenant.
    /// @param signature The worker key's or the provider's over the bid.
    /// @param deposit Base units taken from the caller.
    /// @param name A name wished for, ASCII and left-aligned, or zero. Only logged; readers grant it first
    /// come, first served.
    /// @param permit Allowance for the deposit, unless it was approved before.
    /// @return id The lease's id: the bid's typed-data digest.
    function open(
        Bid calldata bid,
        bytes calldata signature,
        uint256 deposit,
        bytes32 name,
        Permit calldata permit
    ) external returns (bytes32 id) {
        if (msg.sender != bid.tenant) revert NotTenant(msg.sender);
        if (block.timestamp > bid.expiry) revert BidExpired(bid.expiry);
        if (deposit == 0 || bid.ratePerSecond == 0) revert ZeroAmount();
        if (deposit < bid.minimumDeposit) revert DepositTooSmall(deposit, bid.minimumDeposit);
        TokenTerms memory terms = termsOf[bid.token];
        if (!terms.allowed) revert TokenNotAllowed(bid.token);
        id = bidDigest(bid);
        Lease storage lease = _lease[id];
        if (lease.state != State.None) revert BidTaken(id);
        (address provider, uint256 coveredSeconds, uint256 until) = workers.billing(bid.worker);
        if (provider == address(0)) revert UnknownWorker(bid.worker);
        if (until <= block.timestamp) revert WorkerNotCovered(bid.worker, until);
        if (!_isSigned(id, signature, bid.worker, provider)) revert BadSignature();
        _roomTaken.take(bid.worker, bid.room);

        lease.tenant = bid.tenant;
        lease.settledSeconds = uint40(coveredSeconds);
        lease.tokenIndex = terms.index;
        lease.state = State.Open;
        lease.worker = bid.worker;
        lease.ratePerSecond = bid.ratePerSecond;
        lease.feeBps = terms.feeBps;
        lease.balance = SafeCast.toUint96(deposit);
        lease.room = bid.room;
        lease.manifestHash = bid.manifestHash;
        _emitOpened(id, bid, provider, deposit, terms.feeBps, name);
        _pull(bid.token, deposit, permit);
    }

    /// @notice Adds `amount` base units to a lease. Anybody may pay.
    function topUp(bytes32 id, uint256 amount, Permit calldata permit) external {
        if (amount == 0) revert ZeroAmount();
        Lease storage lease = _open(id);
        // Seconds that the old balance couldn't pay for are forgiven, not charged to the new money.
        _settleOne(id, lease);
        // All that was ever put in fits, so that `spent` always will.
        SafeCast.toUint96(uint256(lease.spent) + lease.balance + amount);
        lease.balance += uint96(amount);
        emit LeaseToppedUp(id, msg.sender, amount);
        _pull(tokens[lease.tokenIndex], amount, permit);
    }

    /// @notice Replaces the manifest of a lease. Tenant only.
    function update(bytes32 id, bytes32 manifestHash) external {
        Lease storage lease = _open(id);
        if (msg.sender != lease.tenant) revert NotTenant(msg.sender);
        lease.manifestHash = manifestHash;
        emit LeaseUpdated(id, manifestHash);
    }

    // BILLING

    /// @notice Pays the provider for the covered seconds since the last settlement. Anybody may call.
    function settle(bytes32 id) external {
        _settleOne(id, _open(id));
    }

    /// @notice Settles many leases. Those that aren't open are passed over, so that nobody can spoil a batch
    /// by closing.
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

    /// @notice Attests a worker (see `Workers.attest`) and settles leases in one transaction, which costs
    /// less than two.
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

    /// @notice Tells the tenant that the lease may be closed after the notice period. Provider or worker; a
    /// second notice changes nothing.
    function giveNotice(bytes32 id) external {
        Lease storage lease = _open(id);
        _checkProvider(lease.worker);
        if (lease.noticeUntil != 0) return;
        lease.noticeUntil = uint40(block.timestamp + noticePeriod);
        emit NoticeGiven(id, lease.noticeUntil);
    }

    /// @notice Turns down a lease that has just been opened, at no cost to the tenant: one that was settled,
    /// or is older than `REFUSAL_SECONDS` covered seconds, ends by notice only. Provider or worker. The
    /// chain remembers it: a bid that was taken and refused costs stake (see Slashing).
    function refuse(bytes32 id) external {
        Lease storage lease = _open(id);
        _checkProvider(lease.worker);
        (, uint256 coveredSeconds,) = workers.billing(lease.worker);
        if (lease.spent != 0 || coveredSeconds - lease.settledSeconds > REFUSAL_SECONDS) {
            revert AlreadyEarning(id);
        }
        uint256 refund = lease.balance;
        lease.balance = 0;
        lease.state = State.Refused;
        _roomTaken.giveBack(lease.worker, lease.room);
        emit LeaseRefused(id, msg.sender, refund);
        _creditTenant(id, lease.tenant, tokens[lease.tokenIndex], refund);
    }

    /// @notice Settles and closes a lease. The tenant may at any time, whatever its token does: the rest is
    /// sent to `recipient`, or credited to the tenant where that is zero or the token doesn't move. The
    /// provider or worker may once notice has run out or less is left than `USED_UP_SECONDS` cost, and
    /// anybody when nothing is left; the rest, if any, is credited to the tenant.
    function close(bytes32 id, address recipient) external {
        Lease storage lease = _open(id);
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
        address token = tokens[lease.tokenIndex];
        bool isSent = byTenant && recipient != address(0) && IERC20(token).trySafeTransfer(recipient, refund);
        if (!isSent) _creditTenant(id, tenant, token, refund);
    }

    /// @notice Sends the caller's whole credit in `token` to `to`.
    function withdraw(address token, address to) external returns (uint256 amount) {
        if (to == address(0)) revert ZeroAddress();
        amount = credit[msg.sender][token];
        if (amount == 0) revert ZeroAmount();
        credit[msg.sender][token] = 0;
        emit Withdrawn(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    // VIEWS

    function leaseOf(bytes32 id) external view returns (Lease memory) {
        return _lease[id];
    }

    /// @notice Base units earned by the provider (fee included) since the last settlement.
    function accrued(bytes32 id) external view returns (uint256 amount) {
        Lease storage lease = _lease[id];
        if (lease.state != State.Open) return 0;
        (, uint256 coveredSeconds,) = workers.billing(lease.worker);
        (, amount) = _accrual(lease, coveredSeconds);
    }

    /// @notice What open leases take of a worker (see `Room`). No more bids can be taken than it has room
    /// for, so that an honest one never has to refuse.
    function roomTaken(address worker) external view returns (uint64) {
        return _roomTaken.takenOf(worker);
    }

    /// @notice Whether a bid's digest is signed as `open` asks: by the worker's key, or by its provider, who
    /// may be a contract (ERC-1271).
    function isSigned(bytes32 digest, bytes calldata signature, address worker) external view returns (bool) {
        (address provider,,) = workers.billing(worker);
        return _isSigned(digest, signature, worker, provider);
    }

    /// @notice The typed-data digest a bid is signed over; also the id of the lease that takes it.
    function bidDigest(Bid calldata bid) public view returns (bytes32) {
        // The struct has static members only, so it is encoded as EIP-712 asks: one word a member, in order.
        return _hashTypedDataV4(keccak256(abi.encode(BID_TYPEHASH, bid)));
    }

    // INTERNAL

    function _open(bytes32 id) private view returns (Lease storage lease) {
        lease = _lease[id];
        if (lease.state != State.Open) revert LeaseNotOpen(id);
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
            bid.manifestHash,
            name
        );
    }

    function _checkProvider(address worker) private view {
        if (msg.sender == worker) return;
        (address provider,,) = workers.billing(worker);
        if (msg.sender != provider) revert NotProvider(msg.sender);
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
        token = tokens[lease.tokenIndex];
        uint256 newSeconds;
        (newSeconds, amount) = _accrual(lease, coveredSeconds);
        if (newSeconds == 0) return (provider, token, 0, 0);
        lease.settledSeconds = uint40(coveredSeconds);
        if (amount != 0) {
            uint256 product = amount * lease.feeBps;
            fee = product / 10_000;
            if (product % 10_000 != 0 && msg.sender != treasury) ++fee;
            // Can't overflow or underflow: amount ≤ balance, and spent + balance is what was put in, which
            // fits.
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
        credit[tenant][token] += amount;
        emit Credited(id, tenant, token, amount);
    }

    function _credit(address provider, address token, uint256 earned, uint256 fee) private {
        if (earned != 0) credit[provider][token] += earned;
        if (fee != 0) fees[token] += fee;
    }

    function _pull(address token, uint256 amount, Permit calldata permit) private {
        if (permit.deadline != 0) {
            // A permit that somebody else has handed in already leaves the allowance it grants, so a failure
            // is no harm.
            try IERC20Permit(token)
                .permit(
                    msg.sender, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
                ) {}
                catch {}
        }
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }
}
