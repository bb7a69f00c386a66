// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ICoverageObserver} from "./ICoverageObserver.sol";
import {Platforms} from "./Platforms.sol";
import {Verdicts} from "./Verdicts.sol";
import {TdxQuote} from "./attestation/TdxQuote.sol";

/// @title Workers: who may earn, and for which seconds
/// @notice A worker is one machine of a provider, known by the address of a signing key that never leaves it.
/// Anybody may register one; nobody has to agree. Coverage is kept as one accumulator per worker, so that any
/// contract can bill "covered seconds between two instants" exactly, gaps included, in O(1). A worker is covered by
/// attestation alone: a quote that its hardware made a moment ago, checked in full by Platforms.
contract Workers is Verdicts {
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
        /// The newest block that evidence was bound to; an older or equal one is refused, so none can be replayed.
        uint64 lastBlock;
    }

    /// @dev Who holds a platform, and until when nobody else can.
    struct Holder {
        address provider;
        /// Unix seconds.
        uint48 until;
    }

    /// @dev Which worker a GPU was vouched for in, and until when it can't be in another.
    struct GpuHolder {
        address worker;
        /// Unix seconds.
        uint48 until;
    }

    /// @dev GPUs in confidential mode, as the last verdict found them; nothing after `until`, Unix seconds.
    struct ConfirmedGpus {
        bytes32 gpuClass;
        uint16 gpus;
        uint48 until;
        /// The newest block a verdict was bound to; an older or equal one is refused.
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
    error EvidenceNotFresh(bytes32 found, bytes32 expected);
    error EvidenceNotBound(bytes32 found, bytes32 expected);
    error PlatformHeld(bytes32 platform, address provider, uint256 until);
    error GpuHeld(bytes32 gpu, address worker, uint256 until);
    error GpusNotAsNamed();
    error GasTooLow(uint256 found, uint256 needed);
    error InstantTooOld(uint256 instant, uint256 oldest);
    error OutOfBounds(uint256 value, uint256 min, uint256 max);

    event WorkerRegistered(address indexed worker, address indexed provider, Description description);
    event WorkerDescribed(address indexed worker, Description description);
    event WorkerRetiredBy(address indexed worker, address indexed provider);
    /// @notice A quote of the worker's was accepted. `image` names the guest (see `Platforms.rolesOf`), `tlsKeyHash` the key
    /// (SHA-256 of its SubjectPublicKeyInfo) that the worker's interface is served with.
    event Attested(
        address indexed worker, bytes32 indexed platform, bytes32 indexed image, bytes32 pckKey, bytes32 tlsKeyHash
    );
    /// @notice Verifiers vouched for the worker's guest (`kind` SEV-SNP or Nitro).
    event AttestedByVerdict(
        address indexed worker, bytes32 indexed platform, bytes32 indexed image, Kind kind, bytes32 tlsKeyHash
    );
    /// @notice Verifiers vouched for the worker's GPUs, until `until`, Unix seconds.
    event GpusConfirmed(address indexed worker, bytes32 gpuClass, uint256 gpus, uint256 until);
    /// @notice The worker is covered from `start` to `until`, Unix seconds, without a gap.
    event Covered(address indexed worker, uint256 start, uint256 until);
    /// @notice Coverage was ended early, at `until`.
    event CoverageEnded(address indexed worker, uint256 until);
    event CoveragePeriodSet(uint256 seconds_);
    event ObserverSet(address observer);
    /// @notice The observer failed to take note of a worker's coverage. Coverage holds all the same.
    event ObserverFailed(address indexed worker);

    bytes32 private constant JOIN_TYPEHASH = keccak256("Join(address provider,address worker)");

    uint256 public constant MIN_COVERAGE_PERIOD = 1 minutes;
    uint256 public constant MAX_COVERAGE_PERIOD = 1 days;

    /// @notice Where quotes are checked.
    Platforms public immutable platforms;

    /// @dev Gas that the observer gets: so much, and so much more for each hour that an attestation covers.
    uint256 private constant OBSERVER_GAS = 150_000;
    uint256 private constant OBSERVER_GAS_PER_HOUR = 20_000;

    /// @notice Seconds that one attestation covers.
    uint64 public coveragePeriod = 1 hours;
    /// @notice Who is told of coverage: the Emission contract. It can't stop an attestation.
    ICoverageObserver public observer;

    mapping(address worker => Worker) private _worker;
    mapping(address worker => Coverage) private _coverage;
    /// @notice The guest image that the worker last proved to run.
    mapping(address worker => bytes32) public imageOf;
    mapping(bytes32 platform => Holder) private _holder;
    mapping(address worker => ConfirmedGpus) private _gpus;
    mapping(bytes32 gpu => GpuHolder) private _gpuHolder;

    /// @param owner Sets parameters within their bounds: the governance executor.
    /// @param platforms_ Checks quotes. Fixed: nobody can put another in its place.
    constructor(address owner, Platforms platforms_) EIP712("Cloister Workers", "1") Ownable(owner) {
        if (address(platforms_) == address(0)) revert ZeroAddress();
        platforms = platforms_;
    }

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

    /// @notice Covers the worker for `coveragePeriod` seconds from now. Anybody may hand in the quote.
    /// @param pckKey The registered key of the platform's that vouches for the quoting enclave (`Platforms.registerPlatform`).
    /// @param blockNumber A block of the last 256, newer than that of the attestation before. Its hash is the second half of
    /// the report data, which proves that the quote is fresh.
    /// @param tlsKeyHash SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key.
    /// @param quote A TDX quote up to its quoting enclave's authentication data; what follows is not read. The first half of
    /// its report data is `bindingOf(provider, worker, tlsKeyHash)`.
    function attest(address worker, bytes32 pckKey, uint256 blockNumber, bytes32 tlsKeyHash, bytes calldata quote) external {
        address provider = _live(worker).provider;
        bytes32 blockHash = blockhash(blockNumber);
        if (blockHash == 0) revert BlockUnknown(blockNumber);
        (bytes32 platform, TdxQuote.Evidence memory evidence) = platforms.verify(pckKey, quote);
        if (evidence.freshness != blockHash) revert EvidenceNotFresh(evidence.freshness, blockHash);
        bytes32 binding = bindingOf(provider, worker, tlsKeyHash);
        if (evidence.binding != binding) revert EvidenceNotBound(evidence.binding, binding);
        if (imageOf[worker] != evidence.image) imageOf[worker] = evidence.image;
        _hold(platform, provider, _cover(worker, provider, blockNumber));
        emit Attested(worker, platform, evidence.image, pckKey, tlsKeyHash);
    }

    /// @notice Covers a worker whose evidence a contract can't check, on the word of enough verifiers (see `Verdicts`). The
    /// same rules hold as for quotes: a listed guest image, a fresh block, one provider a platform.
    function attestByVerdict(Verdict calldata verdict, bytes[] calldata signatures) external {
        if (verdict.kind == Kind.NvidiaGpus) revert WrongKind();
        address provider = _checkVerdict(verdict, signatures);
        if (platforms.rolesOf(verdict.image) & platforms.GUEST() == 0) revert Platforms.ImageNotAllowed(verdict.image);
        if (imageOf[verdict.worker] != verdict.image) imageOf[verdict.worker] = verdict.image;
        _hold(verdict.platform, provider, _cover(verdict.worker, provider, verdict.blockNumber));
        emit AttestedByVerdict(verdict.worker, verdict.platform, verdict.image, verdict.kind, verdict.tlsKeyHash);
    }

    /// @notice Confirms a covered worker's GPUs for a coverage period, on the word of enough verifiers. Without it a GPU class
    /// is worth nothing: what a worker says of itself when it registers is for people to read.
    /// @param gpus SHA-256 of each GPU's identity (UEID), ascending. The verdict's platform is SHA-256 of them, one after the other.
    /// While one is vouched for in a worker it can't be in another, so that no GPU earns twice.
    function confirmGpus(Verdict calldata verdict, bytes[] calldata signatures, bytes32[] calldata gpus) external {
        if (verdict.kind != Kind.NvidiaGpus) revert WrongKind();
        _checkVerdict(verdict, signatures);
        if (gpus.length != verdict.gpus || sha256(abi.encodePacked(gpus)) != verdict.platform) revert GpusNotAsNamed();
        ConfirmedGpus storage confirmed = _gpus[verdict.worker];
        if (verdict.blockNumber <= confirmed.lastBlock) {
            revert EvidenceReplayed(verdict.blockNumber, confirmed.lastBlock);
        }
        uint48 until = uint48(block.timestamp + coveragePeriod);
        for (uint256 i; i < gpus.length; ++i) {
            if (i != 0 && gpus[i] <= gpus[i - 1]) revert GpusNotAsNamed();
            GpuHolder storage holder = _gpuHolder[gpus[i]];
            if (holder.worker != verdict.worker && holder.until > block.timestamp) {
                revert GpuHeld(gpus[i], holder.worker, holder.until);
            }
            (holder.worker, holder.until) = (verdict.worker, until);
        }
        _gpus[verdict.worker] = ConfirmedGpus(verdict.gpuClass, verdict.gpus, until, uint64(verdict.blockNumber));
        emit GpusConfirmed(verdict.worker, verdict.gpuClass, verdict.gpus, until);
        _tell(verdict.worker, abi.encodeCall(ICoverageObserver.onGpusConfirmed, (verdict.worker)));
    }

    /// @notice What the first half of a worker's report data must be: it ties the quote to this chain, this contract, this
    /// provider, this worker key and this TLS key.
    function bindingOf(address provider, address worker, bytes32 tlsKeyHash) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), provider, worker, tlsKeyHash));
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

    /// @notice The provider that holds a platform, and the instant (Unix seconds) from which another may take it over.
    function holderOf(bytes32 platform) external view returns (Holder memory) {
        return _holder[platform];
    }

    /// @notice The last verdict on a worker's GPUs, whether it still holds or not.
    function confirmedGpus(address worker) external view returns (ConfirmedGpus memory) {
        return _gpus[worker];
    }

    /// @notice The worker that a GPU (SHA-256 of its UEID) was last vouched for in, and the instant from which it may be in another.
    function gpuHolderOf(bytes32 gpu) external view returns (GpuHolder memory) {
        return _gpuHolder[gpu];
    }

    /// @notice GPUs that verifiers vouched for, while both that and the worker's coverage last; nothing otherwise.
    function gpusOf(address worker) external view returns (bytes32 gpuClass, uint256 gpus) {
        ConfirmedGpus memory confirmed = _gpus[worker];
        if (confirmed.until <= block.timestamp || _coverage[worker].until <= block.timestamp) return (0, 0);
        return (confirmed.gpuClass, confirmed.gpus);
    }

    // GOVERNANCE

    /// @notice Sets the seconds that one attestation covers, from a minute to a day.
    function setCoveragePeriod(uint256 seconds_) external onlyOwner {
        if (seconds_ < MIN_COVERAGE_PERIOD || seconds_ > MAX_COVERAGE_PERIOD) {
            revert OutOfBounds(seconds_, MIN_COVERAGE_PERIOD, MAX_COVERAGE_PERIOD);
        }
        coveragePeriod = uint64(seconds_);
        emit CoveragePeriodSet(seconds_);
    }

    /// @notice Names who is told of coverage; zero for nobody.
    function setObserver(ICoverageObserver observer_) external onlyOwner {
        observer = observer_;
        emit ObserverSet(address(observer_));
    }

    // INTERNAL

    function _live(address worker) private view returns (Worker storage w) {
        w = _worker[worker];
        if (w.provider == address(0)) revert UnknownWorker(worker);
        if (w.retired) revert WorkerRetired(worker);
    }

    /// @dev Checks what verdicts of all kinds have in common; returns the worker's provider.
    function _checkVerdict(Verdict calldata verdict, bytes[] calldata signatures) private view returns (address provider) {
        provider = _live(verdict.worker).provider;
        if (verdict.provider != provider) revert NotProvider(verdict.provider);
        bytes32 blockHash = blockhash(verdict.blockNumber);
        if (blockHash == 0) revert BlockUnknown(verdict.blockNumber);
        if (verdict.blockHash != blockHash) revert EvidenceNotFresh(verdict.blockHash, blockHash);
        _checkVerifiers(verdict, signatures);
    }

    function _verifierProvider(address signer) internal view override returns (address) {
        Worker storage w = _worker[signer];
        bool covered_ = !w.retired && _coverage[signer].until > block.timestamp;
        return covered_ && platforms.rolesOf(imageOf[signer]) & platforms.VERIFIER() != 0 ? w.provider : address(0);
    }

    function _cover(address worker, address provider, uint256 blockNumber) private returns (uint48 until) {
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

    /// @dev Tells the observer, who can neither stop what happened nor miss it: whoever calls has to bring the gas it may need.
    function _tell(address worker, bytes memory message) private {
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

    /// @dev One platform serves one provider at a time: it is held while that provider's coverage of it lasts, and whoever
    /// attests on it afterwards takes it over. That is how a machine changes hands.
    function _hold(bytes32 platform, address provider, uint48 until) private {
        Holder memory holder = _holder[platform];
        if (holder.provider != provider && holder.until > block.timestamp) {
            revert PlatformHeld(platform, holder.provider, holder.until);
        }
        if (holder.provider == provider && holder.until >= until) return;
        _holder[platform] = Holder(provider, until);
    }

    function _endCoverage(address worker) private {
        Coverage storage c = _coverage[worker];
        // A quote made before this moment must not bring coverage back.
        c.lastBlock = uint64(block.number);
        if (block.timestamp < c.until) c.until = uint48(block.timestamp);
        emit CoverageEnded(worker, c.until);
        _tell(worker, abi.encodeCall(ICoverageObserver.onCoverageEnded, (worker, _worker[worker].provider)));
    }

    function _checkSignature(bytes32 digest, bytes calldata signature, address signer) private pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != signer) revert BadSignature();
    }
}
