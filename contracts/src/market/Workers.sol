// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Gpus} from "../attestation/Gpus.sol";
import {TdxQuote} from "../attestation/TdxQuote.sol";
import {Verdicts} from "../attestation/Verdicts.sol";
import {Governed} from "../governance/Governed.sol";
import {Errors} from "../interfaces/Errors.sol";
import {GUEST, IAdmission, VERIFIER} from "../interfaces/IAdmission.sol";
import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";
import {IPlatforms} from "../interfaces/IPlatforms.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Coverage} from "../libraries/Coverage.sol";

/// @title Workers: who may earn, and for which seconds
/// @notice See `IWorkers`.
contract Workers is IWorkers, EIP712, Governed {
    using Coverage for Coverage.Record;
    using Gpus for Gpus.Confirmed;
    using Verdicts for Verdicts.Verdict;

    bytes32 private constant JOIN_TYPEHASH = keccak256("Join(address provider,address worker)");

    /// @inheritdoc IWorkers
    uint256 public constant MIN_COVERAGE_PERIOD = 1 minutes;
    /// @inheritdoc IWorkers
    uint256 public constant MAX_COVERAGE_PERIOD = 1 days;
    /// @inheritdoc IWorkers
    uint256 public constant FRESH_BLOCKS = 60;

    /// @dev Gas that the observer gets: so much, and so much more for each hour that an attestation covers.
    uint256 private constant OBSERVER_GAS = 150_000;
    uint256 private constant OBSERVER_GAS_PER_HOUR = 20_000;
    uint256 private constant MIN_THRESHOLD = 2;
    uint256 private constant MAX_THRESHOLD = 16;

    /// @inheritdoc IWorkers
    IPlatforms public immutable platforms;
    /// @inheritdoc IWorkers
    IAdmission public immutable admission;
    /// @inheritdoc IWorkers
    ICoverageObserver public immutable observer;

    /// @inheritdoc IWorkers
    uint64 public coveragePeriod = 1 hours;
    /// @inheritdoc IWorkers
    uint256 public verdictThreshold = MIN_THRESHOLD;
    /// @inheritdoc IWorkers
    mapping(address worker => bytes32) public measurementOf;
    /// @inheritdoc IWorkers
    mapping(address worker => bytes32) public tlsKeyHashOf;

    mapping(address worker => Worker) private _worker;
    mapping(address worker => Coverage.Record) private _coverage;
    mapping(bytes32 platform => Holder) private _holder;
    Gpus.Confirmed private _gpus;

    /// @param owner Announces parameters within their bounds: the governance executor.
    /// @param platforms_ Checks quotes. Fixed: nobody can put another in its place.
    /// @param observer_ Is told of coverage. Fixed likewise.
    constructor(address owner, IPlatforms platforms_, ICoverageObserver observer_)
        EIP712("Cloister Workers", "1")
        Ownable(owner)
    {
        if (address(platforms_) == address(0)) revert Errors.ZeroAddress();
        (platforms, admission, observer) = (platforms_, platforms_.admission(), observer_);
    }

    // PROVIDERS

    /// @inheritdoc IWorkers
    function register(address worker, Description calldata description, bytes calldata signature) external {
        if (worker == address(0)) revert Errors.ZeroAddress();
        if (_worker[worker].provider != address(0)) revert AlreadyRegistered(worker);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(JOIN_TYPEHASH, msg.sender, worker)));
        _requireSignature(digest, signature, worker);
        Worker storage w = _worker[worker];
        w.provider = msg.sender;
        w.registeredAt = uint48(block.timestamp);
        w.description = description;
        emit WorkerRegistered(worker, msg.sender, description);
    }

    /// @inheritdoc IWorkers
    function describe(address worker, Description calldata description) external {
        Worker storage w = _requireLive(worker);
        if (msg.sender != w.provider) revert Errors.NotProvider(msg.sender);
        w.description = description;
        emit WorkerDescribed(worker, description);
    }

    /// @inheritdoc IWorkers
    function retire(address worker) external {
        Worker storage w = _requireLive(worker);
        if (msg.sender != w.provider) revert Errors.NotProvider(msg.sender);
        w.retired = true;
        _endCoverage(worker);
        emit WorkerRetiredBy(worker, msg.sender);
    }

    /// @inheritdoc IWorkers
    function depart(address worker) external {
        Worker storage w = _requireLive(worker);
        if (msg.sender != w.provider && msg.sender != worker) revert NotProviderOrWorker(msg.sender);
        _endCoverage(worker);
    }

    // ATTESTATION

    /// @inheritdoc IWorkers
    function attest(
        address worker,
        bytes32 pckKey,
        uint256 blockNumber,
        bytes32 tlsKeyHash,
        bytes calldata quote
    ) external {
        address provider = _requireLive(worker).provider;
        (bytes32 platform, TdxQuote.Evidence memory evidence) = platforms.verify(pckKey, quote);
        _requireBound(evidence, _freshHash(blockNumber), bindingOf(provider, worker, tlsKeyHash));
        bool isRenewal = _coverage[worker].isCurrent();
        if ((_become(worker, evidence.measurement, tlsKeyHash, true) || !isRenewal) && msg.sender != worker) {
            revert NotWorker(msg.sender);
        }
        _hold(platform, provider, _cover(worker, provider, blockNumber));
        emit Attested(worker, platform, evidence.measurement, pckKey, tlsKeyHash);
    }

    /// @inheritdoc IWorkers
    function attestByVerdict(
        Verdicts.Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim
    ) external {
        if (verdict.kind == Verdicts.Kind.NvidiaGpus) {
            revert Verdicts.WrongKind();
        }
        address worker = verdict.worker;
        address provider = _requireVerdict(verdict, signatures, claim);
        (bytes32 platform, bytes32 measurement) =
            (nameOf(verdict.kind, verdict.platform), nameOf(verdict.kind, verdict.measurement));
        if (admission.rolesOf(measurement) & GUEST == 0) {
            revert IAdmission.MeasurementNotAllowed(measurement);
        }
        _become(worker, measurement, verdict.tlsKeyHash, false);
        _hold(platform, provider, _cover(worker, provider, verdict.blockNumber));
        emit AttestedByVerdict(worker, platform, measurement, verdict.kind, verdict.tlsKeyHash);
    }

    /// @inheritdoc IWorkers
    function confirmGpus(
        Verdicts.Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim,
        bytes32[] calldata gpus
    ) external {
        if (verdict.kind != Verdicts.Kind.NvidiaGpus) revert Verdicts.WrongKind();
        _requireVerdict(verdict, signatures, claim);
        bytes32 tlsKeyHash = tlsKeyHashOf[verdict.worker];
        if (verdict.tlsKeyHash != tlsKeyHash) revert EvidenceNotBound(verdict.tlsKeyHash, tlsKeyHash);
        uint48 until = _gpus.confirm(verdict, gpus, coveragePeriod);
        emit GpusConfirmed(verdict.worker, verdict.gpuClass, verdict.gpus, until);
        _tell(verdict.worker, abi.encodeCall(ICoverageObserver.onGpusConfirmed, (verdict.worker)));
    }

    // VIEWS

    /// @inheritdoc IWorkers
    function covered(address worker, uint256 instant) external view returns (uint256) {
        Coverage.Record memory c = _coverage[worker];
        return c.at(instant);
    }

    /// @inheritdoc IWorkers
    function billing(address worker)
        external
        view
        returns (address provider, uint256 coveredSeconds, uint256 until)
    {
        Coverage.Record memory c = _coverage[worker];
        return (_worker[worker].provider, c.untilNow(), c.until);
    }

    /// @inheritdoc IWorkers
    function workerOf(address worker) external view returns (Worker memory) {
        return _worker[worker];
    }

    /// @inheritdoc IWorkers
    function coverageOf(address worker) external view returns (Coverage.Record memory) {
        return _coverage[worker];
    }

    /// @inheritdoc IWorkers
    function confirmedGpus(address worker) external view returns (Gpus.ConfirmedGpus memory) {
        return _gpus.confirmed[worker];
    }

    /// @inheritdoc IWorkers
    function gpuHolderOf(bytes32 gpu) external view returns (Gpus.GpuHolder memory) {
        return _gpus.holder[gpu];
    }

    /// @inheritdoc IWorkers
    function gpusOf(address worker) external view returns (bytes32 gpuClass, uint256 gpus) {
        Gpus.ConfirmedGpus memory confirmed = _gpus.confirmed[worker];
        if (confirmed.until <= block.timestamp || !_coverage[worker].isCurrent()) return (0, 0);
        return (confirmed.gpuClass, confirmed.gpus);
    }

    /// @inheritdoc IWorkers
    function holderOf(bytes32 platform) external view returns (Holder memory) {
        return _holder[platform];
    }

    /// @inheritdoc IWorkers
    function bindingOf(address provider, address worker, bytes32 tlsKeyHash) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), provider, worker, tlsKeyHash));
    }

    /// @inheritdoc IWorkers
    function verdictDigest(Verdicts.Verdict calldata verdict) public view returns (bytes32) {
        return _hashTypedDataV4(verdict.hashOf());
    }

    /// @inheritdoc IWorkers
    function claimDigest(Verdicts.Verdict calldata verdict) public view returns (bytes32) {
        return _hashTypedDataV4(verdict.claimHashOf());
    }

    /// @inheritdoc IWorkers
    function nameOf(Verdicts.Kind kind, bytes32 digest) public pure returns (bytes32) {
        return Verdicts.nameOf(kind, digest);
    }

    // GOVERNANCE

    /// @inheritdoc IWorkers
    function setCoveragePeriod(uint256 seconds_) external onlyOwner {
        _useAnnouncement();
        if (seconds_ < MIN_COVERAGE_PERIOD || seconds_ > MAX_COVERAGE_PERIOD) {
            revert Errors.OutOfBounds(seconds_, MIN_COVERAGE_PERIOD, MAX_COVERAGE_PERIOD);
        }
        coveragePeriod = uint64(seconds_);
        emit CoveragePeriodSet(seconds_);
    }

    /// @inheritdoc IWorkers
    function setVerdictThreshold(uint256 threshold) external onlyOwner {
        _useAnnouncement();
        if (threshold < MIN_THRESHOLD || threshold > MAX_THRESHOLD) {
            revert Errors.OutOfBounds(threshold, MIN_THRESHOLD, MAX_THRESHOLD);
        }
        verdictThreshold = threshold;
        emit VerdictThresholdSet(threshold);
    }

    // INTERNAL

    function _requireLive(address worker) private view returns (Worker storage w) {
        w = _worker[worker];
        if (w.provider == address(0)) revert Errors.UnknownWorker(worker);
        if (w.retired) revert WorkerRetired(worker);
    }

    function _requireSignature(bytes32 digest, bytes calldata signature, address signer) private pure {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || recovered != signer) revert Errors.BadSignature();
    }

    function _requireBound(TdxQuote.Evidence memory evidence, bytes32 blockHash, bytes32 binding)
        private
        pure
    {
        if (evidence.freshness != blockHash) revert EvidenceNotFresh(evidence.freshness, blockHash);
        if (evidence.binding != binding) revert EvidenceNotBound(evidence.binding, binding);
    }

    /// @dev Checks what verdicts of all kinds have in common: the worker claims it, its provider is named,
    /// the block is fresh, enough verifiers signed. Returns the worker's provider.
    function _requireVerdict(
        Verdicts.Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim
    ) private view returns (address provider) {
        provider = _requireLive(verdict.worker).provider;
        if (verdict.provider != provider) revert Errors.NotProvider(verdict.provider);
        bytes32 blockHash = _freshHash(verdict.blockNumber);
        if (verdict.blockHash != blockHash) revert EvidenceNotFresh(verdict.blockHash, blockHash);
        if (msg.sender != verdict.worker) _requireSignature(claimDigest(verdict), claim, verdict.worker);
        verdict.requireSigned(verdictDigest(verdict), signatures, verdictThreshold, _verifierProvider);
    }

    /// @dev The provider of a worker that may sign verdicts now; zero if it may not. Only a quote makes a
    /// verifier. A worker that others vouched for vouches for nobody: otherwise two verifiers that are broken
    /// for a moment would make others out of nothing, and those others.
    function _verifierProvider(address signer) private view returns (address) {
        Worker storage w = _worker[signer];
        bool attested = w.byQuote && !w.retired && _coverage[signer].isCurrent();
        return attested && admission.rolesOf(measurementOf[signer]) & VERIFIER != 0 ? w.provider : address(0);
    }

    /// @dev The hash of a block that evidence may be bound to.
    function _freshHash(uint256 blockNumber) private view returns (bytes32 hash) {
        hash = blockhash(blockNumber);
        if (hash == 0 || block.number > blockNumber + FRESH_BLOCKS) revert BlockUnknown(blockNumber);
    }

    /// @dev Writes down what the worker proved to be; true if it is anything else than before.
    function _become(address worker, bytes32 measurement, bytes32 tlsKeyHash, bool byQuote)
        private
        returns (bool changed)
    {
        if (measurementOf[worker] != measurement) {
            (measurementOf[worker], changed) = (measurement, true);
        }
        if (tlsKeyHashOf[worker] != tlsKeyHash) (tlsKeyHashOf[worker], changed) = (tlsKeyHash, true);
        if (_worker[worker].byQuote != byQuote) (_worker[worker].byQuote, changed) = (byQuote, true);
    }

    /// @dev One platform serves one provider at a time: it is held while that provider's coverage of it
    /// lasts, and whoever attests on it afterwards takes it over. That is how a machine changes hands.
    function _hold(bytes32 platform, address provider, uint48 until) private {
        Holder memory holder = _holder[platform];
        if (holder.provider != provider && holder.until > block.timestamp) {
            revert PlatformHeld(platform, holder.provider, holder.until);
        }
        if (holder.provider == provider && holder.until >= until) return;
        _holder[platform] = Holder(provider, until);
    }

    function _cover(address worker, address provider, uint256 blockNumber) private returns (uint48 until) {
        Coverage.Record storage c = _coverage[worker];
        until = uint48(block.timestamp + coveragePeriod);
        c.extend(blockNumber, until);
        emit Covered(worker, c.start, c.until);
        _tell(worker, abi.encodeCall(ICoverageObserver.onCovered, (worker, provider, c.start, c.until)));
    }

    function _endCoverage(address worker) private {
        Coverage.Record storage c = _coverage[worker];
        c.end();
        emit CoverageEnded(worker, c.until);
        _tell(worker, abi.encodeCall(ICoverageObserver.onCoverageEnded, (worker, _worker[worker].provider)));
    }

    /// @dev Tells the observer, who can neither stop what happened nor miss it: whoever calls has to bring
    /// the gas it may need.
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
}
