// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "../governance/Governed.sol";
import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";

/// @title CoveredWorkers: whose worker it is, and which seconds of its life are covered
/// @notice Anybody may register a worker; nobody has to agree. Coverage is kept as one accumulator per
/// worker, so that any contract can bill "covered seconds between two instants" exactly, gaps included, in
/// O(1).
abstract contract CoveredWorkers is EIP712, Governed {
    /// @notice What a worker says it is, for people to read. What it has is another question
    /// (`Gpus.gpusOf`).
    struct Description {
        /// Thousandths of a CPU.
        uint32 cpuMilli;
        /// MiB of memory.
        uint32 memoryMiB;
        /// MiB of disk.
        uint32 diskMiB;
        /// Number of GPUs.
        uint16 gpus;
        /// GPU model in lower case ASCII, left-aligned ("h100"); zero without GPUs.
        bytes32 gpuClass;
        /// Base URL of the worker's HTTP interface.
        string endpoint;
    }

    struct Worker {
        address provider;
        /// Unix seconds.
        uint48 registeredAt;
        bool retired;
        /// It was last attested by a quote that a contract checked, and not on the word of verifiers.
        bool byQuote;
        Description description;
    }

    /// @dev One slot. The current segment is [start, until); all earlier ones add up to `base` seconds and
    /// ended by `previousUntil`. All instants are Unix seconds.
    struct Coverage {
        uint48 base;
        uint48 start;
        uint48 until;
        uint48 previousUntil;
        /// The newest block that evidence was bound to; an older or equal one is refused, so none can be
        /// replayed.
        uint64 lastBlock;
    }

    error ZeroAddress();
    error AlreadyRegistered(address worker);
    error UnknownWorker(address worker);
    error WorkerRetired(address worker);
    error NotProvider(address caller);
    error NotProviderOrWorker(address caller);
    error BadSignature();
    error BlockUnknown(uint256 blockNumber);
    error EvidenceReplayed(uint256 blockNumber, uint256 lastBlock);
    error GasTooLow(uint256 found, uint256 needed);
    error InstantTooOld(uint256 instant, uint256 oldest);
    error OutOfBounds(uint256 value, uint256 min, uint256 max);

    event WorkerRegistered(address indexed worker, address indexed provider, Description description);
    event WorkerDescribed(address indexed worker, Description description);
    event WorkerRetiredBy(address indexed worker, address indexed provider);
    /// @notice The worker is covered from `start` to `until`, Unix seconds, without a gap.
    event Covered(address indexed worker, uint256 start, uint256 until);
    /// @notice Coverage was ended early, at `until`.
    event CoverageEnded(address indexed worker, uint256 until);
    event CoveragePeriodSet(uint256 seconds_);
    /// @notice The observer failed to take note of a worker's coverage. Coverage holds all the same.
    event ObserverFailed(address indexed worker);

    bytes32 private constant JOIN_TYPEHASH = keccak256("Join(address provider,address worker)");

    uint256 public constant MIN_COVERAGE_PERIOD = 1 minutes;
    uint256 public constant MAX_COVERAGE_PERIOD = 1 days;
    /// @notice Blocks of age at which evidence is too old: what it says of a machine was so then.
    uint256 public constant FRESH_BLOCKS = 60;

    /// @dev Gas that the observer gets: so much, and so much more for each hour that an attestation covers.
    uint256 private constant OBSERVER_GAS = 150_000;
    uint256 private constant OBSERVER_GAS_PER_HOUR = 20_000;

    /// @notice Seconds that one attestation covers.
    uint64 public coveragePeriod = 1 hours;
    /// @notice Who is told of coverage: the Emission contract. It can't stop an attestation, and nobody can
    /// put another in its place, which would take from GPUs what they earn. Zero for nobody.
    ICoverageObserver public immutable observer;

    mapping(address worker => Worker) internal _worker;
    mapping(address worker => Coverage) internal _coverage;

    constructor(ICoverageObserver observer_) {
        observer = observer_;
    }

    // PROVIDERS

    /// @notice Registers `worker` for the caller. `signature` is the worker key's over `Join(provider,
    /// worker)`, so that nobody can register a key that isn't theirs.
    function register(address worker, Description calldata description, bytes calldata signature) external {
        if (worker == address(0)) revert ZeroAddress();
        if (_worker[worker].provider != address(0)) revert AlreadyRegistered(worker);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(JOIN_TYPEHASH, msg.sender, worker)));
        _checkSignature(digest, signature, worker);
        Worker storage w = _worker[worker];
        w.provider = msg.sender;
        w.registeredAt = uint48(block.timestamp);
        w.description = description;
        emit WorkerRegistered(worker, msg.sender, description);
    }

    /// @notice Replaces what the worker says it is. Provider only.
    function describe(address worker, Description calldata description) external {
        Worker storage w = _live(worker);
        if (msg.sender != w.provider) revert NotProvider(msg.sender);
        w.description = description;
        emit WorkerDescribed(worker, description);
    }

    /// @notice Takes the worker out of service for good: coverage ends now and can't be had again. Provider
    /// only.
    function retire(address worker) external {
        Worker storage w = _live(worker);
        if (msg.sender != w.provider) revert NotProvider(msg.sender);
        w.retired = true;
        _endCoverage(worker);
        emit WorkerRetiredBy(worker, msg.sender);
    }

    /// @notice Ends the worker's coverage now, so that a planned absence is not billed. Its provider or the
    /// worker itself; only the worker can bring it back.
    function depart(address worker) external {
        Worker storage w = _live(worker);
        if (msg.sender != w.provider && msg.sender != worker) revert NotProviderOrWorker(msg.sender);
        _endCoverage(worker);
    }

    // VIEWS

    /// @notice Seconds of the worker's life up to `instant` (Unix seconds) that are covered. Monotonic in
    /// `instant`. For an instant before the end of the last closed segment the answer is no longer known and
    /// the call reverts.
    function covered(address worker, uint256 instant) public view returns (uint256) {
        Coverage memory c = _coverage[worker];
        if (instant >= c.start) return c.base + (instant < c.until ? instant : c.until) - c.start;
        if (instant >= c.previousUntil) return c.base;
        revert InstantTooOld(instant, c.previousUntil);
    }

    /// @notice What a biller needs in one call: the provider (zero if unknown), covered seconds up to now,
    /// and the instant coverage ends (Unix seconds; in the past if the worker isn't covered).
    function billing(address worker)
        external
        view
        returns (address provider, uint256 coveredSeconds, uint256 until)
    {
        Coverage memory c = _coverage[worker];
        provider = _worker[worker].provider;
        // The current segment never starts in the future, so now is never before it.
        coveredSeconds = c.base + (block.timestamp < c.until ? block.timestamp : c.until) - c.start;
        until = c.until;
    }

    function workerOf(address worker) external view returns (Worker memory) {
        return _worker[worker];
    }

    function coverageOf(address worker) external view returns (Coverage memory) {
        return _coverage[worker];
    }

    // GOVERNANCE

    /// @notice Sets the seconds that one attestation covers, from a minute to a day. Announced: fewer can
    /// leave workers unpaid, more pay for machines that are gone.
    function setCoveragePeriod(uint256 seconds_) external onlyOwner {
        _useAnnouncement();
        if (seconds_ < MIN_COVERAGE_PERIOD || seconds_ > MAX_COVERAGE_PERIOD) {
            revert OutOfBounds(seconds_, MIN_COVERAGE_PERIOD, MAX_COVERAGE_PERIOD);
        }
        coveragePeriod = uint64(seconds_);
        emit CoveragePeriodSet(seconds_);
    }

    // INTERNAL

    function _live(address worker) internal view returns (Worker storage w) {
        w = _worker[worker];
        if (w.provider == address(0)) revert UnknownWorker(worker);
        if (w.retired) revert WorkerRetired(worker);
    }

    function _isCovered(address worker) internal view returns (bool) {
        return _coverage[worker].until > block.timestamp;
    }

    /// @dev The hash of a block that evidence may be bound to.
    function _freshHash(uint256 blockNumber) internal view returns (bytes32 hash) {
        hash = blockhash(blockNumber);
        if (hash == 0 || block.number > blockNumber + FRESH_BLOCKS) revert BlockUnknown(blockNumber);
    }

    function _cover(address worker, address provider, uint256 blockNumber) internal returns (uint48 until) {
        Coverage storage c = _coverage[worker];
        if (blockNumber <= c.lastBlock) revert EvidenceReplayed(blockNumber, c.lastBlock);
        uint48 instant = uint48(block.timestamp);
        until = uint48(block.timestamp + coveragePeriod);
        if (instant > c.until) {
            c.base += c.until - c.start;
            c.previousUntil = c.until;
            c.start = instant;
        }
        if (until > c.until) c.until = until;
        c.lastBlock = uint64(blockNumber);
        emit Covered(worker, c.start, c.until);
        _tell(worker, abi.encodeCall(ICoverageObserver.onCovered, (worker, provider, c.start, c.until)));
    }

    /// @dev Tells the observer, who can neither stop what happened nor miss it: whoever calls has to bring
    /// the gas it may need.
    function _tell(address worker, bytes memory message) internal {
        address told = address(observer);
        if (told == address(0)) return;
        uint256 needed = OBSERVER_GAS + OBSERVER_GAS_PER_HOUR * (coveragePeriod / 1 hours);
        // An inner call gets at most 63 of 64 parts of what is left (EIP-150).
        if (gasleft() < needed * 64 / 63 + 5_000) revert GasTooLow(gasleft(), needed * 64 / 63 + 5_000);
        // Nothing of what it returns is copied.
        bool success;
        assembly ("memory-safe") {
            success := call(needed, told, 0, add(message, 32), mload(message), 0, 0)
        }
        if (!success) emit ObserverFailed(worker);
    }

    function _endCoverage(address worker) private {
        Coverage storage c = _coverage[worker];
        // A quote made before this moment must not bring coverage back.
        c.lastBlock = uint64(block.number);
        if (block.timestamp < c.until) c.until = uint48(block.timestamp);
        emit CoverageEnded(worker, c.until);
        _tell(worker, abi.encodeCall(ICoverageObserver.onCoverageEnded, (worker, _worker[worker].provider)));
    }

    function _checkSignature(bytes32 digest, bytes calldata signature, address signer) internal pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != signer) revert BadSignature();
    }
}
