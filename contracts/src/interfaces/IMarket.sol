// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Till} from "../libraries/Till.sol";
import {ITill} from "./ITill.sol";
import {ITreasury} from "./ITreasury.sol";
import {IWorkers} from "./IWorkers.sol";

/// @title IMarket: leases of compute, paid per covered second
/// @notice A tenant opens a lease by taking a bid that a provider signed off chain. The deposit is held here
/// and earned by the provider, less the fee, for exactly those seconds in which the worker was covered (see
/// `IWorkers`). The tenant closes at will and gets the rest. What providers, treasury and tenants are owed is
/// credited, and withdrawn by them (see `ITill`).
/// @dev Amounts in base units of the lease's token.
interface IMarket is ITill, ITreasury {
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
        /// Minutes of notice that the provider has to give before it may close the lease; 0 for the market's
        /// `noticePeriod`, as it is when notice is given.
        uint16 noticeMinutes;
        /// SHA-256 of the canonical manifest.
        bytes32 manifestHash;
        /// SHA-256 of the canonical order the bid answers.
        bytes32 order;
        uint256 salt;
    }

    /// @notice A provider's price for changing an open lease on its worker. Signed (EIP-712) as a bid is.
    struct ResizeBid {
        /// The lease that it changes.
        bytes32 lease;
        /// How many times that was resized before. A bid can be taken once, and not after another one.
        uint64 number;
        /// Base units of the lease's token per covered second, from then on.
        uint80 ratePerSecond;
        /// Base units that the lease has to hold then, at least.
        uint96 minimumBalance;
        /// Last second, Unix, at which the bid can be taken.
        uint48 expiry;
        /// What of the worker the lease takes then (see `Room`).
        uint64 room;
        /// SHA-256 of the canonical manifest that the lease is to run then.
        bytes32 manifestHash;
        /// SHA-256 of the canonical order the bid answers.
        bytes32 order;
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
        uint32 settledSeconds;
        /// When the provider may close, Unix seconds; 0 without notice.
        uint32 noticeUntil;
        /// Minutes of notice that the provider has to give; 0 for the market's `noticePeriod`.
        uint16 noticeMinutes;
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

    /// @dev One of several leases that are opened together; see `open` for what its fields mean.
    struct Opening {
        Bid bid;
        bytes signature;
        uint256 deposit;
        bytes32 name;
    }

    /// @notice The caller isn't the tenant of the bid or the lease.
    error NotTenant(address caller);
    /// @notice The bid could be taken until `expiry`, Unix seconds.
    error BidExpired(uint256 expiry);
    /// @notice The bid was taken: it is this lease, open or not.
    error BidTaken(bytes32 id);
    /// @notice The bid asks for a deposit of `minimum` at least, or that the lease holds as much once it is
    /// resized.
    error DepositTooSmall(uint256 deposit, uint256 minimum);
    /// @notice Leases that are opened together are paid in one token: the first in `token`, this in `other`.
    error MixedTokens(address token, address other);
    /// @notice The bid is for the lease as it was before another resize: there were `resizes` of them.
    error BidOutdated(bytes32 id, uint256 resizes);
    /// @notice The lease was paid for, or is older than `REFUSAL_SECONDS`, and ends by notice only.
    error AlreadyEarning(bytes32 id);
    /// @notice The caller may not close the lease: it is a stranger and something is left, or it serves the
    /// lease and its notice ends at `noticeUntil` (Unix seconds; 0 if it gave none).
    error MayNotClose(bytes32 id, uint256 noticeUntil);

    /// @notice A bid was taken. `name` is what the tenant wishes its lease to be called, or zero.
    /// `noticeMinutes` is the bid's.
    event LeaseOpened(
        bytes32 indexed id,
        address indexed tenant,
        address indexed worker,
        address provider,
        address token,
        uint256 ratePerSecond,
        uint256 deposit,
        uint256 feeBps,
        uint256 noticeMinutes,
        bytes32 manifestHash,
        bytes32 name
    );
    /// @notice `payer` added `amount` to a lease.
    event LeaseToppedUp(bytes32 indexed id, address indexed payer, uint256 amount);
    /// @notice The lease is to run another manifest.
    event LeaseUpdated(bytes32 indexed id, bytes32 manifestHash);
    /// @notice From now on the lease takes `room` of its worker, costs `ratePerSecond`, and is to run another
    /// manifest. What it cost before was settled.
    event LeaseResized(bytes32 indexed id, uint256 ratePerSecond, uint64 room, bytes32 manifestHash);
    /// @notice `coveredSeconds` more seconds are settled; `amount` left the lease, of which `fee` is the
    /// treasury's.
    event LeaseSettled(bytes32 indexed id, uint256 coveredSeconds, uint256 amount, uint256 fee);
    /// @notice The provider may close the lease from `noticeUntil` on, Unix seconds.
    event NoticeGiven(bytes32 indexed id, uint256 noticeUntil);
    /// @notice `refund` went to whom the tenant named, or else is the tenant's credit (see `Credited`).
    event LeaseClosed(bytes32 indexed id, address indexed by, uint256 refund);
    /// @notice What was left of a lease waits for its tenant, who can withdraw it.
    event Credited(bytes32 indexed id, address indexed tenant, address token, uint256 amount);
    /// @notice The provider turned down a lease that had earned nothing; the deposit is the tenant's again.
    event LeaseRefused(bytes32 indexed id, address indexed by, uint256 refund);
    /// @notice Notices that are given from now on run for so many seconds.
    event NoticePeriodSet(uint256 seconds_);

    // TENANTS

    /// @notice Takes a bid: opens a lease with `deposit` base units, all in one transaction. The bid's tenant
    /// only.
    /// Reverts with `NotTenant`, `BidExpired`, `BidTaken`, `ZeroAmount` (no deposit, or a rate of zero),
    /// `DepositTooSmall`, `TokenNotAllowed`, `UnknownWorker`, `WorkerNotCovered`, `BadSignature`,
    /// `Room.NoRoom`, or as the token does.
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
        Till.Permit calldata permit
    ) external returns (bytes32 id);

    /// @notice Takes several bids with one transaction and one permit, all of them or none; their token is
    /// one.
    /// Reverts with `MixedTokens`, with `ZeroAmount` where there are none, or as `open` does for the first
    /// that can't be taken.
    /// @param openings The bids, each with what `open` takes.
    /// @param permit Allowance for the sum of the deposits, unless it was approved before.
    /// @return ids The leases' ids, in the order of the bids.
    function openMany(Opening[] calldata openings, Till.Permit calldata permit)
        external
        returns (bytes32[] memory ids);

    /// @notice Adds `amount` base units to an open lease. Anybody may pay. Settles it first.
    /// Reverts with `ZeroAmount`, `LeaseNotOpen`, or as the token does.
    function topUp(bytes32 id, uint256 amount, Till.Permit calldata permit) external;

    /// @notice Replaces the manifest of an open lease. Tenant only.
    /// Reverts with `LeaseNotOpen` or `NotTenant`.
    function update(bytes32 id, bytes32 manifestHash) external;

    /// @notice Takes a bid for an open lease: settles it at the price it had, changes what it takes of its
    /// worker, what it costs and what it runs, and adds `added` base units, all in one transaction. Tenant
    /// only. Notice that was given runs on.
    /// Reverts with `LeaseNotOpen`, `NotTenant`, `BidExpired`, `BidOutdated`, `ZeroAmount` (a rate of zero),
    /// `WorkerNotCovered`, `BadSignature`, `Room.NoRoom`, `DepositTooSmall` (it would hold less than the bid
    /// asks for, or nothing), or as the token does.
    /// @param bid The bid, which names the lease.
    /// @param signature The worker key's or the provider's over the bid.
    /// @param added Base units taken from the caller; may be zero.
    /// @param permit Allowance for those, unless it was approved before.
    function resize(
        ResizeBid calldata bid,
        bytes calldata signature,
        uint256 added,
        Till.Permit calldata permit
    ) external;

    // BILLING

    /// @notice Pays the provider of an open lease for the covered seconds since the last settlement. Anybody
    /// may call. Reverts with `LeaseNotOpen`.
    function settle(bytes32 id) external;

    /// @notice Settles many leases. Anybody may call. Those that aren't open are passed over, so that nobody
    /// can spoil a batch by closing.
    function settleMany(bytes32[] calldata ids) external;

    /// @notice Attests a worker (see `IWorkers.attest`, which says when that reverts) and settles leases in
    /// one transaction, which costs less than two.
    function attestAndSettle(
        address worker,
        bytes32 pckKey,
        uint256 blockNumber,
        bytes32 tlsKeyHash,
        bytes calldata quote,
        bytes32[] calldata ids
    ) external;

    // ENDS

    /// @notice Tells the tenant that the lease may be closed once the notice is over: after the minutes that
    /// its bid said, or after `noticePeriod` where it said none. Provider or worker; a second notice changes
    /// nothing, and none is taken back. Reverts with `LeaseNotOpen` or `NotProvider`.
    function giveNotice(bytes32 id) external;

    /// @notice Turns down a lease that has just been opened, at no cost to the tenant: one that was settled,
    /// or is older than `REFUSAL_SECONDS` covered seconds, ends by notice only. Provider or worker. The
    /// chain remembers it: a bid that was taken and refused costs stake (see `ISlashing`).
    /// Reverts with `LeaseNotOpen`, `NotProvider` or `AlreadyEarning`.
    function refuse(bytes32 id) external;

    /// @notice Settles and closes a lease. The tenant may at any time, whatever its token does: the rest is
    /// sent to `recipient`, or credited to the tenant where that is zero or the token doesn't move. The
    /// provider or worker may once notice has run out or less is left than `USED_UP_SECONDS` cost, and
    /// anybody when nothing is left; the rest, if any, is credited to the tenant.
    /// Reverts with `LeaseNotOpen` or `MayNotClose`.
    function close(bytes32 id, address recipient) external;

    // VIEWS

    /// @notice A lease; all zero where there is none.
    function leaseOf(bytes32 id) external view returns (Lease memory);

    /// @notice Base units earned by the provider (fee included) since the last settlement; 0 unless open.
    function accrued(bytes32 id) external view returns (uint256 amount);

    /// @notice What open leases take of a worker (see `Room`). No more bids can be taken than it has room
    /// for, so that an honest one never has to refuse.
    function roomTaken(address worker) external view returns (uint64);

    /// @notice Whether a bid's digest is signed as `open` asks: by the worker's key, or by its provider, who
    /// may be a contract (ERC-1271).
    function isSigned(bytes32 digest, bytes calldata signature, address worker) external view returns (bool);

    /// @notice The typed-data digest a bid is signed over; also the id of the lease that takes it.
    function bidDigest(Bid calldata bid) external view returns (bytes32);

    /// @notice How many times a lease was resized; the next bid for it has to say so.
    function resizes(bytes32 id) external view returns (uint256);

    /// @notice The typed-data digest a bid for a lease that is there is signed over.
    function resizeDigest(ResizeBid calldata bid) external view returns (bytes32);

    /// @notice Whose workers lease, and which of their seconds are covered.
    function workers() external view returns (IWorkers);

    /// @notice Seconds between a provider's notice and its right to close, where the bid says no other.
    function noticePeriod() external view returns (uint256);

    /// @notice Covered seconds within which a provider may still turn a lease down, forgoing them.
    function REFUSAL_SECONDS() external view returns (uint256);

    /// @notice With less left than so many seconds cost, a lease counts as used up for its provider, so that
    /// dust keeps no room.
    function USED_UP_SECONDS() external view returns (uint256);

    /// @notice The shortest notice period there can be, in seconds.
    function MIN_NOTICE_PERIOD() external view returns (uint256);

    /// @notice The longest notice period there can be, in seconds.
    function MAX_NOTICE_PERIOD() external view returns (uint256);

    // GOVERNANCE

    /// @notice Sets the notice period, in seconds. Notices already given keep theirs, and so do leases whose
    /// bids said one. Announced. Reverts with
    /// `OutOfBounds`.
    function setNoticePeriod(uint256 seconds_) external;
}
