// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Gpus} from "../attestation/Gpus.sol";
import {Verdicts} from "../attestation/Verdicts.sol";
import {Coverage} from "../libraries/Coverage.sol";
import {IAdmission} from "./IAdmission.sol";
import {ICoverageObserver} from "./ICoverageObserver.sol";
import {IPlatforms} from "./IPlatforms.sol";

/// @title IWorkers: who may earn, and for which seconds
/// @notice A worker is one machine of a provider, known by the address of a signing key that never leaves it.
/// Anybody may register one; nobody has to agree. It is covered by attestation alone: a quote that its
/// hardware made a moment ago, checked in full by Platforms, or the word of verifiers for hardware that no
/// contract can check. Whatever is new about a worker (its measurement, its TLS key, that it is back, its
/// GPUs) takes the worker's own key besides: one machine that was broken into can't speak for others.
/// @dev Instants are Unix seconds. A key's hash is SHA-256 of its SubjectPublicKeyInfo.
interface IWorkers {
    /// @notice What a worker says it is, for people to read. What it has is another question (`gpusOf`).
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

    /// @dev Who holds a platform, and until when nobody else can.
    struct Holder {
        address provider;
        /// Unix seconds.
        uint48 until;
    }

    /// @notice The worker is registered already.
    error AlreadyRegistered(address worker);
    /// @notice The worker was taken out of service for good.
    error WorkerRetired(address worker);
    /// @notice Only the worker's provider or the worker itself may do that.
    error NotProviderOrWorker(address caller);
    /// @notice Only the worker itself may hand in its first quote, one after a gap, or one for another
    /// measurement or TLS key.
    error NotWorker(address caller);
    /// @notice The machine serves another provider, whose coverage of it ends at `until`.
    error PlatformHeld(bytes32 platform, address provider, uint256 until);
    /// @notice The block that evidence is bound to is older than `FRESH_BLOCKS`, or not there yet.
    error BlockUnknown(uint256 blockNumber);
    /// @notice The evidence names another block hash than its block has on this chain.
    error EvidenceNotFresh(bytes32 found, bytes32 expected);
    /// @notice The evidence says otherwise than what it should be bound to; for a verdict on GPUs: its TLS
    /// key isn't the worker's.
    error EvidenceNotBound(bytes32 found, bytes32 expected);
    /// @notice The transaction has less gas left than the observer may need.
    error GasTooLow(uint256 found, uint256 needed);

    /// @notice A provider registered a worker.
    event WorkerRegistered(address indexed worker, address indexed provider, Description description);
    /// @notice A provider replaced what its worker says it is.
    event WorkerDescribed(address indexed worker, Description description);
    /// @notice A provider took its worker out of service for good.
    event WorkerRetiredBy(address indexed worker, address indexed provider);
    /// @notice The worker is covered from `start` to `until`, without a gap.
    event Covered(address indexed worker, uint256 start, uint256 until);
    /// @notice Coverage was ended early, at `until`.
    event CoverageEnded(address indexed worker, uint256 until);
    /// @notice An attestation covers so many seconds from now on.
    event CoveragePeriodSet(uint256 seconds_);
    /// @notice The observer failed to take note of a worker's coverage. Coverage holds all the same.
    event ObserverFailed(address indexed worker);
    /// @notice A quote of the worker's was accepted. `measurement` names the guest (see
    /// `IAdmission.rolesOf`), `tlsKeyHash` the key that the worker's interface is served with.
    event Attested(
        address indexed worker,
        bytes32 indexed platform,
        bytes32 indexed measurement,
        bytes32 pckKey,
        bytes32 tlsKeyHash
    );
    /// @notice Verifiers vouched for the worker's guest (`kind` SEV-SNP or Nitro). Platform and measurement
    /// by `nameOf`.
    event AttestedByVerdict(
        address indexed worker,
        bytes32 indexed platform,
        bytes32 indexed measurement,
        Verdicts.Kind kind,
        bytes32 tlsKeyHash
    );
    /// @notice Verifiers vouched for the worker's GPUs, until `until`.
    event GpusConfirmed(address indexed worker, bytes32 gpuClass, uint256 gpus, uint256 until);
    /// @notice So many verifiers have to agree from now on.
    event VerdictThresholdSet(uint256 threshold);

    // PROVIDERS

    /// @notice Registers `worker` for the caller.
    /// Reverts with `ZeroAddress`, `AlreadyRegistered` or `BadSignature`.
    /// @param signature The worker key's over `Join(provider, worker)`, so that nobody can register a key
    /// that isn't theirs.
    function register(address worker, Description calldata description, bytes calldata signature) external;

    /// @notice Replaces what the worker says it is. Provider only.
    /// Reverts with `UnknownWorker`, `WorkerRetired` or `NotProvider`.
    function describe(address worker, Description calldata description) external;

    /// @notice Takes the worker out of service for good: coverage ends now and can't be had again. Provider
    /// only. Reverts with `UnknownWorker`, `WorkerRetired` or `NotProvider`.
    function retire(address worker) external;

    /// @notice Ends the worker's coverage now, so that a planned absence is not billed. Its provider or the
    /// worker itself; only the worker can bring it back.
    /// Reverts with `UnknownWorker`, `WorkerRetired` or `NotProviderOrWorker`.
    function depart(address worker) external;

    // ATTESTATION

    /// @notice Covers the worker for `coveragePeriod` seconds from now. Anybody may hand in a quote that
    /// renews coverage and says what the one before said; the first one, one after a gap or a departure, and
    /// one for another TLS key or measurement only the worker itself.
    /// Reverts with `UnknownWorker`, `WorkerRetired`, `BlockUnknown`, `EvidenceNotFresh`, `EvidenceNotBound`,
    /// `EvidenceReplayed`, `NotWorker`, `PlatformHeld`, `GasTooLow`, or as `IPlatforms.verify` does.
    /// @param pckKey The registered key of the platform's that vouches for the quoting enclave
    /// (`IPlatforms.registerPlatform`).
    /// @param blockNumber A block of the last `FRESH_BLOCKS`, newer than that of the attestation before. Its
    /// hash is the second half of the report data, which proves that the quote is fresh.
    /// @param tlsKeyHash The hash of the worker's TLS key.
    /// @param quote A TDX quote up to its quoting enclave's authentication data; what follows is not read.
    /// The first half of its report data is `bindingOf(provider, worker, tlsKeyHash)`.
    function attest(
        address worker,
        bytes32 pckKey,
        uint256 blockNumber,
        bytes32 tlsKeyHash,
        bytes calldata quote
    ) external;

    /// @notice Covers a worker whose evidence a contract can't check, on the word of enough verifiers and
    /// its own (see `Verdicts`). Anybody may call. The same rules hold as for quotes: a listed measurement, a
    /// fresh block, one provider a platform. It is no verifier itself.
    /// Reverts as `attest` does, and with `WrongKind`, `NotProvider`, `BadSignature`, `TooFewVerdicts`,
    /// `NotAVerifier`, `VerifierNotIndependent` or `MeasurementNotAllowed`.
    /// @param signatures The verifiers' over `verdictDigest`.
    /// @param claim The worker key's signature over `claimDigest`; empty where the worker itself calls.
    function attestByVerdict(
        Verdicts.Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim
    ) external;

    /// @notice Confirms a worker's GPUs for a coverage period, on the word of enough verifiers and its own.
    /// Anybody may call. Reverts as `attestByVerdict` does, and with `GpusNotAsNamed` or `GpuHeld`.
    /// @param signatures The verifiers' over `verdictDigest`.
    /// @param claim The worker key's signature over `claimDigest`; empty where the worker itself calls.
    /// @param gpus SHA-256 of each GPU's identity (UEID), ascending. The verdict's platform is SHA-256 of
    /// them, one after the other. While one is vouched for in a worker it can't be in another, so that no
    /// GPU earns twice.
    function confirmGpus(
        Verdicts.Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim,
        bytes32[] calldata gpus
    ) external;

    // VIEWS

    /// @notice Seconds of the worker's life up to `instant` that are covered. Monotonic in `instant`.
    /// Reverts with `InstantTooOld` for an instant before the end of the last closed segment, for which the
    /// answer is no longer known.
    function covered(address worker, uint256 instant) external view returns (uint256);

    /// @notice What a biller needs in one call: the provider (zero if unknown), covered seconds up to now,
    /// and the instant coverage ends (in the past if the worker isn't covered).
    function billing(address worker)
        external
        view
        returns (address provider, uint256 coveredSeconds, uint256 until);

    /// @notice A worker; all zero where nobody registered it.
    function workerOf(address worker) external view returns (Worker memory);

    /// @notice A worker's coverage.
    function coverageOf(address worker) external view returns (Coverage.Record memory);

    /// @notice The last verdict on a worker's GPUs, whether it still holds or not.
    function confirmedGpus(address worker) external view returns (Gpus.ConfirmedGpus memory);

    /// @notice The worker that a GPU (SHA-256 of its UEID) was last vouched for in, and the instant from
    /// which it may be in another.
    function gpuHolderOf(bytes32 gpu) external view returns (Gpus.GpuHolder memory);

    /// @notice GPUs that verifiers vouched for, while both that and the worker's coverage last; nothing
    /// otherwise.
    function gpusOf(address worker) external view returns (bytes32 gpuClass, uint256 gpus);

    /// @notice The provider that holds a platform, and the instant from which another may take it over.
    function holderOf(bytes32 platform) external view returns (Holder memory);

    /// @notice The measurement of the guest that the worker last proved to be.
    function measurementOf(address worker) external view returns (bytes32);

    /// @notice The hash of the TLS key that the worker last attested.
    function tlsKeyHashOf(address worker) external view returns (bytes32);

    /// @notice What the first half of a worker's report data must be: it ties the quote to this chain, this
    /// contract, this provider, this worker key and this TLS key.
    function bindingOf(address provider, address worker, bytes32 tlsKeyHash) external view returns (bytes32);

    /// @notice The digest that verifiers sign.
    function verdictDigest(Verdicts.Verdict calldata verdict) external view returns (bytes32);

    /// @notice The digest that the worker itself signs, where it doesn't hand the verdict in itself.
    function claimDigest(Verdicts.Verdict calldata verdict) external view returns (bytes32);

    /// @notice What a platform or a measurement is called that verifiers vouched for.
    /// @param digest `platform` or `measurement` of a verdict.
    function nameOf(Verdicts.Kind kind, bytes32 digest) external pure returns (bytes32);

    /// @notice Where quotes are checked.
    function platforms() external view returns (IPlatforms);

    /// @notice Which guests may serve and verify, by measurement.
    function admission() external view returns (IAdmission);

    /// @notice Who is told of coverage: the Emission contract. It can't stop an attestation, and nobody can
    /// put another in its place, which would take from GPUs what they earn. Zero for nobody.
    function observer() external view returns (ICoverageObserver);

    /// @notice Seconds that one attestation covers.
    function coveragePeriod() external view returns (uint64);

    /// @notice How many verifiers have to agree.
    function verdictThreshold() external view returns (uint256);

    /// @notice The fewest seconds that an attestation can cover.
    function MIN_COVERAGE_PERIOD() external view returns (uint256);

    /// @notice The most seconds that an attestation can cover.
    function MAX_COVERAGE_PERIOD() external view returns (uint256);

    /// @notice Blocks of age at which evidence is too old: what it says of a machine was so then.
    function FRESH_BLOCKS() external view returns (uint256);

    // GOVERNANCE

    /// @notice Sets the seconds that one attestation covers. Announced: fewer can leave workers unpaid, more
    /// pay for machines that are gone. Reverts with `OutOfBounds`.
    function setCoveragePeriod(uint256 seconds_) external;

    /// @notice Sets how many verifiers have to agree, from 2 to 16. Announced: with more than there are no
    /// GPU earns. Reverts with `OutOfBounds`.
    function setVerdictThreshold(uint256 threshold) external;
}
