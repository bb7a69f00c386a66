// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Governed} from "../governance/Governed.sol";
import {Market} from "../market/Market.sol";
import {Pools} from "./Pools.sol";
import {Stake} from "./Stake.sol";
import {Workers} from "../market/Workers.sol";

/// @title Slashing: what costs stake
/// @notice Three things anybody can prove, and is rewarded for: a worker key that signed two receipts for
/// one unit of work, or two bids under one salt; a bid that was taken and refused. Each takes a fixed part
/// of the provider's pool, a tenth at the most, once per deed, and once a day per pool and kind; all
/// together no more than Stake allows, a tenth at once and a tenth a week. So keys that were stolen empty no
/// pool, however many workers it has. A worker answers for its deeds as long as stake takes to leave, 21
/// days, after it was last covered. Anything else is governance's to propose: a tenth at the most, a week
/// later at the earliest, and not again before everybody who wants to has left.
contract Slashing is Governed {
    /// @notice A worker's word on one unit of its work: that number `sequence` of a lease had this content.
    /// Signed (EIP-712, domain "Cloister Receipts", version 1, verified by Workers) by the worker's key.
    struct Receipt {
        address worker;
        bytes32 lease;
        uint64 sequence;
        /// Hash of what was done: request, response, frame or message.
        bytes32 content;
    }

    enum Offence {
        Receipts,
        Bids,
        Refusal
    }

    /// @notice A slash that governance announced.
    struct Proposal {
        address provider;
        uint16 bps;
        /// Unix seconds from which it may be carried out, up to `EXPIRY` seconds later.
        uint48 readyAt;
        /// Hash of the reasons given.
        bytes32 reason;
    }

    error ZeroAddress();
    error NoContradiction();
    error NotSignedByWorker(address worker);
    error UnknownWorker(address worker);
    error NotRefused(bytes32 lease);
    error KnownAlready(bytes32 deed);
    error ReportedRecently(address provider, uint256 until);
    error OutOfService(address worker, uint256 until);
    error OutOfBounds(uint256 value, uint256 max);
    error NoProposal(uint256 id);
    error NotReady(uint256 id, uint256 readyAt);
    error Expired(uint256 id, uint256 expiredAt);
    error ProposedRecently(address provider, uint256 until);

    /// @notice `reporter` proved an offence of a worker's. `deed` names it, once and for all.
    event Reported(
        Offence indexed offence, address indexed worker, address indexed reporter, bytes32 deed, uint256 taken
    );
    event Proposed(
        uint256 indexed id, address indexed provider, uint256 bps, uint256 readyAt, bytes32 reason
    );
    event Cancelled(uint256 indexed id);
    event Executed(uint256 indexed id, uint256 taken);
    event PenaltySet(Offence indexed offence, uint256 bps, uint256 reporterBps);

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant RECEIPT_TYPEHASH =
        keccak256("Receipt(address worker,bytes32 lease,uint64 sequence,bytes32 content)");
    /// @notice Hundredths of a percent of a pool that one slash may take, and of that what a reporter may
    /// get.
    uint256 public constant MAX_BPS = 1_000;
    uint256 public constant MAX_REPORTER_BPS = 2_000;
    /// @notice Seconds between a proposal and its execution, and from then on until it has expired.
    uint256 public constant DELAY = 7 days;
    uint256 public constant EXPIRY = 14 days;
    /// @notice Seconds between the end of a proposal, carried out or not, and the next one about the same
    /// pool. An exit takes a day less.
    uint256 public constant PROPOSAL_PAUSE = 22 days;
    /// @notice Seconds in which one deed of a kind costs a pool stake, however many there are and however
    /// many workers did them.
    uint256 public constant REPORT_PERIOD = 1 days;
    uint256 private constant BPS = 10_000;

    Workers public immutable workers;
    Market public immutable market;
    Stake public immutable stake;

    /// @notice What an offence costs, in hundredths of a percent of the pool, and what of that is the
    /// reporter's.
    mapping(Offence offence => uint256) public penaltyBps;
    mapping(Offence offence => uint256) public reporterBps;
    mapping(bytes32 deed => bool) public known;
    /// @notice When an offence was last reported of a provider's workers, Unix seconds.
    mapping(address provider => mapping(Offence offence => uint256)) public reportedAt;
    uint256 public proposalCount;
    /// @notice When the next slash of a pool may be proposed, Unix seconds.
    mapping(address provider => uint256) public proposableFrom;
    mapping(uint256 id => Proposal) private _proposal;

    /// @param owner Announces penalties within their bounds and proposes slashes: the governance executor.
    constructor(address owner, Workers workers_, Market market_, Stake stake_) Ownable(owner) {
        if (
            address(workers_) == address(0) || address(market_) == address(0) || address(stake_) == address(0)
        ) {
            revert ZeroAddress();
        }
        (workers, market, stake) = (workers_, market_, stake_);
        _setPenalty(Offence.Receipts, 500, 2_000);
        _setPenalty(Offence.Bids, 100, 2_000);
        _setPenalty(Offence.Refusal, 10, 1_000);
    }

    // PROOFS

    /// @notice Two receipts of one worker for the same unit of work with different contents. The caller is
    /// the reporter.
    function reportReceipts(
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB
    ) external returns (uint256 taken) {
        if (a.worker != b.worker || a.lease != b.lease || a.sequence != b.sequence || a.content == b.content)
        {
            revert NoContradiction();
        }
        _checkSignature(receiptDigest(a), signatureA, a.worker);
        _checkSignature(receiptDigest(b), signatureB, a.worker);
        return _slash(
            Offence.Receipts, a.worker, keccak256(abi.encode(Offence.Receipts, a.worker, a.lease, a.sequence))
        );
    }

    /// @notice Two bids of one worker to one tenant for one order under one salt, with different terms, each
    /// signed by the worker's key or by its provider, as the Market takes them.
    function reportBids(
        Market.Bid calldata a,
        bytes calldata signatureA,
        Market.Bid calldata b,
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

    /// @notice A bid that its tenant took within its validity, and that was refused: the chain itself is the
    /// proof. The Market lets nobody take more bids than a worker has room for, so that nobody can make it
    /// refuse.
    function reportRefusal(bytes32 lease) external returns (uint256 taken) {
        Market.Lease memory l = market.leaseOf(lease);
        if (l.state != Market.State.Refused) revert NotRefused(lease);
        return _slash(Offence.Refusal, l.worker, keccak256(abi.encode(Offence.Refusal, lease)));
    }

    /// @notice The digest that a worker signs a receipt over.
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

    /// @notice Announces a slash for what no contract can judge. `reason` is the hash of what was published
    /// about it. Until it is carried out, cancelled or expired nobody moves stake out of the pool to another
    /// one; leaving takes its 21 days as ever.
    function propose(address provider, uint256 bps, bytes32 reason) external onlyOwner returns (uint256 id) {
        if (bps == 0 || bps > MAX_BPS) revert OutOfBounds(bps, MAX_BPS);
        uint256 from = proposableFrom[provider];
        if (block.timestamp < from) revert ProposedRecently(provider, from);
        id = ++proposalCount;
        uint256 ready = block.timestamp + DELAY;
        proposableFrom[provider] = ready + EXPIRY + PROPOSAL_PAUSE;
        _proposal[id] = Proposal(provider, uint16(bps), uint48(ready), reason);
        emit Proposed(id, provider, bps, ready, reason);
        stake.holdMoves(provider, ready + EXPIRY);
    }

    function cancel(uint256 id) external onlyOwner {
        Proposal memory p = _proposal[id];
        if (p.readyAt == 0) revert NoProposal(id);
        _end(id, p);
        emit Cancelled(id);
    }

    /// @notice Carries out an announced slash. Anybody may, for two weeks from when it is ready.
    function execute(uint256 id) external returns (uint256 taken) {
        Proposal memory p = _proposal[id];
        if (p.readyAt == 0) revert NoProposal(id);
        if (block.timestamp < p.readyAt) revert NotReady(id, p.readyAt);
        if (block.timestamp >= p.readyAt + EXPIRY) revert Expired(id, p.readyAt + EXPIRY);
        _end(id, p);
        taken = stake.slash(p.provider, _part(p.provider, p.bps), address(0), 0, p.reason);
        emit Executed(id, taken);
    }

    /// @notice Sets what an offence costs, and what of that is the reporter's, in hundredths of a percent.
    /// Announced.
    function setPenalty(Offence offence, uint256 bps, uint256 reporterBps_) external onlyOwner {
        _useAnnouncement();
        _setPenalty(offence, bps, reporterBps_);
    }

    function proposalOf(uint256 id) external view returns (Proposal memory) {
        return _proposal[id];
    }

    // INTERNAL

    function _slash(Offence offence, address worker, bytes32 deed) private returns (uint256 taken) {
        if (known[deed]) revert KnownAlready(deed);
        known[deed] = true;
        (address provider,, uint256 coveredUntil) = workers.billing(worker);
        if (provider == address(0)) revert UnknownWorker(worker);
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
        Pools.Pool memory pool = stake.poolOf(provider);
        return (uint256(pool.assets) + pool.exitAssets) * bps / BPS;
    }

    function _checkSignature(bytes32 digest, bytes calldata signature, address worker) private pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != worker) revert NotSignedByWorker(worker);
    }

    function _setPenalty(Offence offence, uint256 bps, uint256 reporterBps_) private {
        if (bps > MAX_BPS) revert OutOfBounds(bps, MAX_BPS);
        if (reporterBps_ > MAX_REPORTER_BPS) revert OutOfBounds(reporterBps_, MAX_REPORTER_BPS);
        (penaltyBps[offence], reporterBps[offence]) = (bps, reporterBps_);
        emit PenaltySet(offence, bps, reporterBps_);
    }
}
