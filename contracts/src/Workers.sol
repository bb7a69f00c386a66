// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Workers: who may earn, and for which seconds
/// @notice A worker is one machine of a provider, known by the address of a signing key that never leaves it.
/// Anybody may register one; nobody has to agree. Coverage is kept as one accumulator per worker, so that any
/// contract can bill "covered seconds between two instants" exactly, gaps included, in O(1).
/// @dev Until hardware attestation lands, a worker is covered by its own signed presence (`present`).
contract Workers is EIP712, Ownable2Step {
    /// @notice What a worker says it is. Only `gpus` and `gpuClass` will matter to money, and only once attested.
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
        Description description;
    }

    /// @dev One slot. The current segment is [start, until); all earlier ones add up to `base` seconds and ended by
    /// `previousUntil`. All instants are Unix seconds.
    struct Coverage {
        uint48 base;
        uint48 start;
        uint48 until;
        uint48 previousUntil;
        /// The newest block a presence was bound to; an older or equal one is refused, so none can be replayed.
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
    error PresenceReplayed(uint256 blockNumber, uint256 lastBlock);
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

    bytes32 private constant JOIN_TYPEHASH = keccak256("Join(address provider,address worker)");
    bytes32 private constant PRESENCE_TYPEHASH =
        keccak256("Presence(address worker,uint256 blockNumber,bytes32 blockHash)");

    uint256 public constant MIN_COVERAGE_PERIOD = 1 minutes;
    uint256 public constant MAX_COVERAGE_PERIOD = 1 days;

    /// @notice Seconds one presence covers.
    uint256 public coveragePeriod = 1 hours;

    mapping(address worker => Worker) private _worker;
    mapping(address worker => Coverage) private _coverage;

    /// @param owner Sets the coverage period within its bounds: the governance executor.
    constructor(address owner) EIP712("Cloister Workers", "1") Ownable(owner) {}

    // PROVIDERS

    /// @notice Registers `worker` for the caller. `signature` is the worker key's over `Join(provider, worker)`, so that
    /// nobody can register a key that isn't theirs.
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

    /// @notice Takes the worker out of service for good: coverage ends now and can't be had again. Provider only.
    function retire(address worker) external {
        Worker storage w = _live(worker);
        if (msg.sender != w.provider) revert NotProvider(msg.sender);
        w.retired = true;
        _endCoverage(worker);
        emit WorkerRetiredBy(worker, msg.sender);
    }

    // COVERAGE

    /// @notice Covers the worker for `coveragePeriod` seconds from now. Anybody may hand in the signature, which is the
    /// worker key's over `Presence(worker, blockNumber, blockHash)`. The block must be one of the last 256 and newer
    /// than that of the presence before.
    function present(address worker, uint256 blockNumber, bytes calldata signature) external {
        _live(worker);
        bytes32 blockHash = blockhash(blockNumber);
        if (blockHash == 0) revert BlockUnknown(blockNumber);
        Coverage storage c = _coverage[worker];
        if (blockNumber <= c.lastBlock) revert PresenceReplayed(blockNumber, c.lastBlock);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(PRESENCE_TYPEHASH, worker, blockNumber, blockHash)));
        _checkSignature(digest, signature, worker);

        uint48 instant = uint48(block.timestamp);
        uint48 until = uint48(block.timestamp + coveragePeriod);
        if (instant > c.until) {
            c.base += c.until - c.start;
            c.previousUntil = c.until;
            c.start = instant;
        }
        if (until > c.until) c.until = until;
        c.lastBlock = uint64(blockNumber);
        emit Covered(worker, c.start, c.until);
    }

    /// @notice Ends the worker's coverage now, so that a planned absence is not billed. Its provider or the worker itself.
    function depart(address worker) external {
        Worker storage w = _live(worker);
        if (msg.sender != w.provider && msg.sender != worker) revert NotProviderOrWorker(msg.sender);
        _endCoverage(worker);
    }

    /// @notice Seconds of the worker's life up to `instant` (Unix seconds) that are covered. Monotonic in `instant`.
    /// For an instant before the end of the last closed segment the answer is no longer known and the call reverts.
    function covered(address worker, uint256 instant) public view returns (uint256) {
        Coverage memory c = _coverage[worker];
        if (instant >= c.start) return c.base + (instant < c.until ? instant : c.until) - c.start;
        if (instant >= c.previousUntil) return c.base;
        revert InstantTooOld(instant, c.previousUntil);
    }

    /// @notice What a biller needs in one call: the provider (zero if unknown), covered seconds up to now, and the
    /// instant coverage ends (Unix seconds; in the past if the worker isn't covered).
    function billing(address worker) external view returns (address provider, uint256 coveredSeconds, uint256 until) {
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

    /// @notice Sets the seconds one presence covers, from a minute to a day.
    function setCoveragePeriod(uint256 seconds_) external onlyOwner {
        if (seconds_ < MIN_COVERAGE_PERIOD || seconds_ > MAX_COVERAGE_PERIOD) {
            revert OutOfBounds(seconds_, MIN_COVERAGE_PERIOD, MAX_COVERAGE_PERIOD);
        }
        coveragePeriod = seconds_;
        emit CoveragePeriodSet(seconds_);
    }

    // INTERNAL

    function _live(address worker) private view returns (Worker storage w) {
        w = _worker[worker];
        if (w.provider == address(0)) revert UnknownWorker(worker);
        if (w.retired) revert WorkerRetired(worker);
    }

    function _endCoverage(address worker) private {
        Coverage storage c = _coverage[worker];
        // A presence signed before this moment must not bring coverage back.
        c.lastBlock = uint64(block.number);
        if (block.timestamp < c.until) c.until = uint48(block.timestamp);
        emit CoverageEnded(worker, c.until);
    }

    function _checkSignature(bytes32 digest, bytes calldata signature, address signer) private pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != signer) revert BadSignature();
    }
}
