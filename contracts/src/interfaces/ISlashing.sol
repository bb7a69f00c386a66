// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "./IMarket.sol";
import {IStake} from "./IStake.sol";
import {IVouchers} from "./IVouchers.sol";
import {IWorkers} from "./IWorkers.sol";

/// @title ISlashing: what costs stake
/// @notice Four things anybody can prove, and is rewarded for: a worker key that signed two receipts for
/// one unit of work, or two bids under one salt; a bid that was taken and refused; an answer of a provider's
/// own model that was charged more than its offer says. Each takes a fixed part
/// of the provider's pool, a tenth at the most, once per deed, and once a day per pool and kind; all
/// together no more than Stake allows, a tenth at once and a tenth a week. So keys that were stolen empty no
/// pool, however many workers it has. A worker answers for its deeds as long as stake takes to leave, 21
/// days, after it was last covered. Anything else is governance's to propose: a tenth at the most, a week
/// later at the earliest, and not again before everybody who wants to has left.
/// @dev Parts in hundredths of a percent of a pool, what is leaving it included. Instants in Unix seconds.
interface ISlashing {
    /// @notice A worker's word on one unit of its work: that number `sequence` of a lease, in an era of the
    /// worker's, had this content. A worker counts anew in each era, which is the life of its store, so that
    /// one which lost its store doesn't contradict itself.
    /// Signed (EIP-712, domain "Cloister Receipts", version 1, verified by Workers) by the worker's key.
    struct Receipt {
        address worker;
        bytes32 lease;
        /// A number that was drawn at random when the worker's store was made.
        uint64 era;
        uint64 sequence;
        /// Hash of what was done: request, response, frame or message.
        bytes32 content;
    }

    /// @notice What an answer of a model cost. Its struct hash (EIP-712) is the content of its receipt.
    struct Charge {
        /// The offer that it was charged by; zero where it was free.
        bytes32 offer;
        /// The channel that was charged; zero where none was.
        bytes32 channel;
        /// Tokens. `cached` are those of `input` that the engine had already.
        uint64 input;
        uint64 cached;
        uint64 output;
        /// Base units of the offer's token.
        uint128 amount;
        /// What the channel was ever charged, this answer included.
        uint128 total;
        /// Hash of all else that the receipt says.
        bytes32 details;
    }

    enum Offence {
        Receipts,
        Bids,
        Refusal,
        Overcharge
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

    /// @notice The two don't contradict each other.
    error NoContradiction();
    /// @notice That isn't signed by the worker's key or, for bids, by its provider.
    error NotSignedByWorker(address worker);
    /// @notice The lease wasn't refused.
    error NotRefused(bytes32 lease);
    /// @notice The receipt is for something else than this charge.
    error NotCharged(bytes32 content);
    /// @notice The answer cost `amount`, and by its offer it costs `price`.
    error NoOvercharge(uint256 amount, uint256 price);
    /// @notice The worker doesn't serve the lease, or serves it for a tenant who isn't its provider.
    error NotProvidersLease(bytes32 lease);
    /// @notice This deed was reported before.
    error KnownAlready(bytes32 deed);
    /// @notice An offence of this kind was reported of the provider's workers within `REPORT_PERIOD`.
    error ReportedRecently(address provider, uint256 until);
    /// @notice The worker answered for its deeds until `until`.
    error OutOfService(address worker, uint256 until);
    /// @notice The next slash of this pool may be proposed from `until` on.
    error ProposedRecently(address provider, uint256 until);

    /// @notice `reporter` proved an offence of a worker's. `deed` names it, once and for all.
    event Reported(
        Offence indexed offence, address indexed worker, address indexed reporter, bytes32 deed, uint256 taken
    );
    /// @notice Governance announced a slash of `bps` of a pool, which may be carried out from `readyAt` on.
    event Proposed(
        uint256 indexed id, address indexed provider, uint256 bps, uint256 readyAt, bytes32 reason
    );
    /// @notice Governance called an announced slash off.
    event Cancelled(uint256 indexed id);
    /// @notice An announced slash was carried out.
    event Executed(uint256 indexed id, uint256 taken);
    /// @notice An offence costs `bps` of the pool, of which `reporterBps` is the reporter's.
    event PenaltySet(Offence indexed offence, uint256 bps, uint256 reporterBps);

    // PROOFS

    /// @notice Two receipts of one worker for the same unit of work, which is a number in an era of a lease,
    /// with different contents. Anybody may report; the caller is the reporter.
    /// Reverts with `NoContradiction`, `NotSignedByWorker`, `KnownAlready`, `UnknownWorker`,
    /// `ReportedRecently`, `OutOfService`, or as `IStake.slash` does.
    function reportReceipts(
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB
    ) external returns (uint256 taken);

    /// @notice Two bids of one worker to one tenant for one order under one salt, with different terms, each
    /// signed by the worker's key or by its provider, as the Market takes them. Anybody may report. Reverts
    /// as `reportReceipts` does.
    function reportBids(
        IMarket.Bid calldata a,
        bytes calldata signatureA,
        IMarket.Bid calldata b,
        bytes calldata signatureB
    ) external returns (uint256 taken);

    /// @notice A bid that its tenant took within its validity, and that was refused: the chain itself is the
    /// proof. The Market lets nobody take more bids than a worker has room for, so that nobody can make it
    /// refuse. Anybody may report. Reverts with `NotRefused`, or as `reportReceipts` does.
    function reportRefusal(bytes32 lease) external returns (uint256 taken);

    /// @notice An answer that cost more than so many tokens cost by its offer; an offer of another lease, and
    /// none, allow nothing. Only leases that a provider, or the worker itself, opened on the provider's own
    /// worker count: what other tenants run has receipts for whatever it likes signed, and a provider doesn't
    /// answer for that. Anybody may report.
    /// Reverts with `NotCharged`, `NotProvidersLease`, `NoOvercharge`, or as `reportReceipts` does.
    function reportOvercharge(Receipt calldata receipt, bytes calldata signature, Charge calldata charge)
        external
        returns (uint256 taken);

    // GOVERNANCE

    /// @notice Announces a slash for what no contract can judge. Until it is carried out, cancelled or
    /// expired nobody moves stake out of the pool to another one; leaving takes its 21 days as ever. Owner
    /// only.
    /// Reverts with `OutOfBounds` or `ProposedRecently`.
    /// @param reason Hash of what was published about it.
    function propose(address provider, uint256 bps, bytes32 reason) external returns (uint256 id);

    /// @notice Calls an announced slash off. Owner only. Reverts with `Announcements.NotAnnounced`.
    function cancel(uint256 id) external;

    /// @notice Carries out an announced slash. Anybody may, for `EXPIRY` from when it is ready.
    /// Reverts with `Announcements.NotAnnounced`, `TooEarly`, `TooLate`, or as `IStake.slash` does.
    function execute(uint256 id) external returns (uint256 taken);

    /// @notice Sets what an offence costs, and what of that is the reporter's. Announced. Reverts with
    /// `OutOfBounds`.
    function setPenalty(Offence offence, uint256 bps, uint256 reporterBps_) external;

    // VIEWS

    /// @notice The digest that a worker signs a receipt over.
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);

    /// @notice An announced slash; all zero where it was carried out or called off.
    function proposalOf(uint256 id) external view returns (Proposal memory);

    /// @notice How many slashes were ever proposed.
    function proposalCount() external view returns (uint256);

    /// @notice When the next slash of a pool may be proposed.
    function proposableFrom(address provider) external view returns (uint256);

    /// @notice What an offence costs of the pool.
    function penaltyBps(Offence offence) external view returns (uint256);

    /// @notice What of a penalty is the reporter's.
    function reporterBps(Offence offence) external view returns (uint256);

    /// @notice Whether a deed was reported.
    function known(bytes32 deed) external view returns (bool);

    /// @notice When an offence was last reported of a provider's workers; 0 if it never was.
    function reportedAt(address provider, Offence offence) external view returns (uint256);

    /// @notice Who signs receipts and bids.
    function workers() external view returns (IWorkers);

    /// @notice Where bids are taken and refused.
    function market() external view returns (IMarket);

    /// @notice Where models are offered.
    function vouchers() external view returns (IVouchers);

    /// @notice Whose pools are slashed.
    function stake() external view returns (IStake);

    /// @notice The most that one slash may take of a pool.
    function MAX_BPS() external view returns (uint256);

    /// @notice The most that a reporter may get of a slash.
    function MAX_REPORTER_BPS() external view returns (uint256);

    /// @notice Seconds between a proposal and its execution.
    function DELAY() external view returns (uint256);

    /// @notice Seconds for which a proposal can be carried out once it is ready.
    function EXPIRY() external view returns (uint256);

    /// @notice Seconds between the end of a proposal, carried out or not, and the next one about the same
    /// pool. An exit takes a day less.
    function PROPOSAL_PAUSE() external view returns (uint256);

    /// @notice Seconds in which one deed of a kind costs a pool stake, however many there are and however
    /// many workers did them.
    function REPORT_PERIOD() external view returns (uint256);
}
