// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Governed} from "../governance/Governed.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {ISlashing} from "../interfaces/ISlashing.sol";
import {IStake} from "../interfaces/IStake.sol";
import {IVouchers} from "../interfaces/IVouchers.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Announcements} from "../libraries/Announcements.sol";

/// @title Slashing: what costs stake
/// @notice See `ISlashing`.
contract Slashing is ISlashing, Governed {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant RECEIPT_TYPEHASH =
        keccak256("Receipt(address worker,bytes32 lease,uint64 era,uint64 sequence,bytes32 content)");
    bytes32 private constant CHARGE_TYPEHASH = keccak256(
        "Charge(bytes32 offer,bytes32 channel,uint64 input,uint64 cached,uint64 output,uint128 amount,uint128 total,bytes32 details)"
    );
    /// @inheritdoc ISlashing
    uint256 public constant MAX_BPS = 1_000;
    /// @inheritdoc ISlashing
    uint256 public constant MAX_REPORTER_BPS = 2_000;
    /// @inheritdoc ISlashing
    uint256 public constant DELAY = 7 days;
    /// @inheritdoc ISlashing
    uint256 public constant EXPIRY = 14 days;
    /// @inheritdoc ISlashing
    uint256 public constant PROPOSAL_PAUSE = 22 days;
    /// @inheritdoc ISlashing
    uint256 public constant REPORT_PERIOD = 1 days;
    uint256 private constant BPS = 10_000;

    /// @inheritdoc ISlashing
    IWorkers public immutable workers;
    /// @inheritdoc ISlashing
    IMarket public immutable market;
    /// @inheritdoc ISlashing
    IVouchers public immutable vouchers;
    /// @inheritdoc ISlashing
    IStake public immutable stake;

    /// @inheritdoc ISlashing
    mapping(Offence offence => uint256) public penaltyBps;
    /// @inheritdoc ISlashing
    mapping(Offence offence => uint256) public reporterBps;
    /// @inheritdoc ISlashing
    mapping(bytes32 deed => bool) public known;
    /// @inheritdoc ISlashing
    mapping(address provider => mapping(Offence offence => uint256)) public reportedAt;
    /// @inheritdoc ISlashing
    uint256 public proposalCount;
    /// @inheritdoc ISlashing
    mapping(address provider => uint256) public proposableFrom;
    mapping(uint256 id => Proposal) private _proposal;

    /// @param owner Announces penalties within their bounds and proposes slashes: the governance executor.
    constructor(address owner, IWorkers workers_, IMarket market_, IVouchers vouchers_, IStake stake_)
        Ownable(owner)
    {
        if (
            address(workers_) == address(0) || address(market_) == address(0)
                || address(vouchers_) == address(0) || address(stake_) == address(0)
        ) {
            revert Errors.ZeroAddress();
        }
        (workers, market, vouchers, stake) = (workers_, market_, vouchers_, stake_);
        _setPenalty(Offence.Receipts, 500, 2_000);
        _setPenalty(Offence.Bids, 100, 2_000);
        _setPenalty(Offence.Refusal, 10, 1_000);
        _setPenalty(Offence.Overcharge, 500, 2_000);
    }

    // PROOFS

    /// @inheritdoc ISlashing
    function reportReceipts(
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB
    ) external returns (uint256 taken) {
        if (
            a.worker != b.worker || a.lease != b.lease || a.era != b.era || a.sequence != b.sequence
                || a.content == b.content
        ) {
            revert NoContradiction();
        }
        _requireSignature(receiptDigest(a), signatureA, a.worker);
        _requireSignature(receiptDigest(b), signatureB, a.worker);
        bytes32 deed = keccak256(abi.encode(Offence.Receipts, a.worker, a.lease, a.era, a.sequence));
        return _slash(Offence.Receipts, a.worker, deed);
    }

    /// @inheritdoc ISlashing
    function reportBids(
        IMarket.Bid calldata a,
        bytes calldata signatureA,
        IMarket.Bid calldata b,
        bytes calldata signatureB
    ) external returns (uint256 taken) {
        (bytes32 digestA, bytes32 digestB) = (market.bidDigest(a), market.bidDigest(b));
        if (
            a.worker != b.worker || a.tenant != b.tenant || a.order != b.order || a.salt != b.salt
                || digestA == digestB
        ) {
            revert NoContradiction();
        }
        if (
            !market.isSigned(digestA, signatureA, a.worker) || !market.isSigned(digestB, signatureB, a.worker)
        ) {
            revert NotSignedByWorker(a.worker);
        }
        return _slash(
            Offence.Bids, a.worker, keccak256(abi.encode(Offence.Bids, a.worker, a.tenant, a.order, a.salt))
        );
    }

    /// @inheritdoc ISlashing
    function reportRefusal(bytes32 lease) external returns (uint256 taken) {
        IMarket.Lease memory l = market.leaseOf(lease);
        if (l.state != IMarket.State.Refused) revert NotRefused(lease);
        return _slash(Offence.Refusal, l.worker, keccak256(abi.encode(Offence.Refusal, lease)));
    }

    /// @inheritdoc ISlashing
    function reportOvercharge(Receipt calldata receipt, bytes calldata signature, Charge calldata charge)
        external
        returns (uint256 taken)
    {
        // Static members only: one word each, in order, as EIP-712 asks.
        if (keccak256(abi.encode(CHARGE_TYPEHASH, charge)) != receipt.content) {
            revert NotCharged(receipt.content);
        }
        _requireSignature(receiptDigest(receipt), signature, receipt.worker);
        (address provider,,) = workers.billing(receipt.worker);
        IMarket.Lease memory l = market.leaseOf(receipt.lease);
        if (l.worker != receipt.worker || (l.tenant != provider && l.tenant != l.worker)) {
            revert NotProvidersLease(receipt.lease);
        }
        uint256 price;
        if (vouchers.leaseOfOffer(charge.offer) == receipt.lease) {
            price = vouchers.priceOf(charge.offer, charge.input, charge.cached, charge.output);
        }
        if (charge.amount <= price) revert NoOvercharge(charge.amount, price);
        bytes32 deed = keccak256(
            abi.encode(Offence.Overcharge, receipt.worker, receipt.lease, receipt.era, receipt.sequence)
        );
        return _slash(Offence.Overcharge, receipt.worker, deed);
    }

    /// @inheritdoc ISlashing
    function receiptDigest(Receipt calldata receipt) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256("Cloister Receipts"),
                keccak256("1"),
                block.chainid,
                address(workers)
            )
        );
        // Static members only: one word each, in order, as EIP-712 asks.
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(RECEIPT_TYPEHASH, receipt)));
    }

    // GOVERNANCE

    /// @inheritdoc ISlashing
    function propose(address provider, uint256 bps, bytes32 reason) external onlyOwner returns (uint256 id) {
        if (bps == 0 || bps > MAX_BPS) revert Errors.OutOfBounds(bps, 1, MAX_BPS);
        uint256 from = proposableFrom[provider];
        if (block.timestamp < from) revert ProposedRecently(provider, from);
        id = ++proposalCount;
        uint256 ready = block.timestamp + DELAY;
        proposableFrom[provider] = ready + EXPIRY + PROPOSAL_PAUSE;
        _proposal[id] = Proposal(provider, uint16(bps), uint48(ready), reason);
        emit Proposed(id, provider, bps, ready, reason);
        stake.holdMoves(provider, ready + EXPIRY);
    }

    /// @inheritdoc ISlashing
    function cancel(uint256 id) external onlyOwner {
        Proposal memory p = _proposal[id];
        if (p.readyAt == 0) revert Announcements.NotAnnounced(bytes32(id));
        _end(id, p);
        emit Cancelled(id);
    }

    /// @inheritdoc ISlashing
    function execute(uint256 id) external returns (uint256 taken) {
        Proposal memory p = _proposal[id];
        Announcements.requireReady(bytes32(id), p.readyAt, EXPIRY);
        _end(id, p);
        taken = stake.slash(p.provider, _part(p.provider, p.bps), address(0), 0, p.reason);
        emit Executed(id, taken);
    }

    /// @inheritdoc ISlashing
    function setPenalty(Offence offence, uint256 bps, uint256 reporterBps_) external onlyOwner {
        _useAnnouncement();
        _setPenalty(offence, bps, reporterBps_);
    }

    /// @inheritdoc ISlashing
    function proposalOf(uint256 id) external view returns (Proposal memory) {
        return _proposal[id];
    }

    // INTERNAL

    function _slash(Offence offence, address worker, bytes32 deed) private returns (uint256 taken) {
        if (known[deed]) revert KnownAlready(deed);
        known[deed] = true;
        (address provider,, uint256 coveredUntil) = workers.billing(worker);
        if (provider == address(0)) revert Errors.UnknownWorker(worker);
        uint256 last = reportedAt[provider][offence];
        if (last != 0 && block.timestamp < last + REPORT_PERIOD) {
            revert ReportedRecently(provider, last + REPORT_PERIOD);
        }
        reportedAt[provider][offence] = block.timestamp;
        uint256 answersUntil = coveredUntil + stake.EXIT_SECONDS();
        if (block.timestamp > answersUntil) revert OutOfService(worker, answersUntil);
        taken = stake.slash(
            provider, _part(provider, penaltyBps[offence]), msg.sender, reporterBps[offence], deed
        );
        emit Reported(offence, worker, msg.sender, deed, taken);
    }

    /// @dev Forgets a proposal, and lets stake move again.
    function _end(uint256 id, Proposal memory p) private {
        delete _proposal[id];
        // An expired one paused the next proposal already.
        if (block.timestamp < p.readyAt + EXPIRY) {
            proposableFrom[p.provider] = block.timestamp + PROPOSAL_PAUSE;
            stake.holdMoves(p.provider, block.timestamp);
        }
    }

    /// @dev A part of everything in a pool, what is leaving it included.
    function _part(address provider, uint256 bps) private view returns (uint256) {
        IStake.Pool memory pool = stake.poolOf(provider);
        return (uint256(pool.assets) + pool.exitAssets) * bps / BPS;
    }

    function _requireSignature(bytes32 digest, bytes calldata signature, address worker) private pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != worker) revert NotSignedByWorker(worker);
    }

    function _setPenalty(Offence offence, uint256 bps, uint256 reporterBps_) private {
        if (bps > MAX_BPS) revert Errors.OutOfBounds(bps, 0, MAX_BPS);
        if (reporterBps_ > MAX_REPORTER_BPS) revert Errors.OutOfBounds(reporterBps_, 0, MAX_REPORTER_BPS);
        (penaltyBps[offence], reporterBps[offence]) = (bps, reporterBps_);
        emit PenaltySet(offence, bps, reporterBps_);
    }
}
