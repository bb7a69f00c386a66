// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title Gpus: which GPUs a worker has in confidential mode, as verifiers found them
/// @notice Without a verdict a GPU class is worth nothing: what a worker says of itself when it registers is
/// for people to read. GPU evidence names no machine, and anybody can have GPUs answer for any worker; that
/// these are the worker's own is the word of its key, which the measured guest holds, and which verifiers
/// want before they look (see docs/attestation.md).
abstract contract Gpus is Verdicts {
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

    error GpuHeld(bytes32 gpu, address worker, uint256 until);
    error GpusNotAsNamed();
    /// @notice The evidence says otherwise than what it should be bound to; for a verdict on GPUs: its TLS
    /// key isn't the worker's.
    error EvidenceNotBound(bytes32 found, bytes32 expected);

    /// @notice Verifiers vouched for the worker's GPUs, until `until`, Unix seconds.
    event GpusConfirmed(address indexed worker, bytes32 gpuClass, uint256 gpus, uint256 until);

    /// @notice The TLS key (SHA-256 of its SubjectPublicKeyInfo) that the worker last attested.
    mapping(address worker => bytes32) public tlsKeyHashOf;
    mapping(address worker => ConfirmedGpus) private _gpus;
    mapping(bytes32 gpu => GpuHolder) private _gpuHolder;

    /// @notice Confirms a worker's GPUs for a coverage period, on the word of enough verifiers and its own.
    /// @param claim The worker key's signature over `claimDigest`; empty where the worker itself calls.
    /// @param gpus SHA-256 of each GPU's identity (UEID), ascending. The verdict's platform is SHA-256 of
    /// them, one after the other. While one is vouched for in a worker it can't be in another, so that no
    /// GPU earns twice.
    function confirmGpus(
        Verdict calldata verdict,
        bytes[] calldata signatures,
        bytes calldata claim,
        bytes32[] calldata gpus
    ) external {
        if (verdict.kind != Kind.NvidiaGpus) revert WrongKind();
        _checkVerdict(verdict, signatures, claim);
        bytes32 tlsKeyHash = tlsKeyHashOf[verdict.worker];
        if (verdict.tlsKeyHash != tlsKeyHash) revert EvidenceNotBound(verdict.tlsKeyHash, tlsKeyHash);
        if (gpus.length != verdict.gpus || sha256(abi.encodePacked(gpus)) != verdict.platform) {
            revert GpusNotAsNamed();
        }
        ConfirmedGpus storage confirmed = _gpus[verdict.worker];
        if (verdict.blockNumber <= confirmed.lastBlock) {
            revert EvidenceReplayed(verdict.blockNumber, confirmed.lastBlock);
        }
        // Hours that were counted on the word before stay counted, so these GPUs stay here for as long: a
        // coverage period that was shortened in between must not let them count in two workers.
        uint48 until = uint48(block.timestamp + coveragePeriod);
        if (until < confirmed.until) until = confirmed.until;
        for (uint256 i; i < gpus.length; ++i) {
            if (i != 0 && gpus[i] <= gpus[i - 1]) revert GpusNotAsNamed();
            GpuHolder storage holder = _gpuHolder[gpus[i]];
            if (holder.worker != verdict.worker && holder.until > block.timestamp) {
                revert GpuHeld(gpus[i], holder.worker, holder.until);
            }
            (holder.worker, holder.until) = (verdict.worker, until);
        }
        _gpus[verdict.worker] =
            ConfirmedGpus(verdict.gpuClass, verdict.gpus, until, uint64(verdict.blockNumber));
        emit GpusConfirmed(verdict.worker, verdict.gpuClass, verdict.gpus, until);
        _tell(verdict.worker, abi.encodeCall(ICoverageObserver.onGpusConfirmed, (verdict.worker)));
    }

    /// @notice The last verdict on a worker's GPUs, whether it still holds or not.
    function confirmedGpus(address worker) external view returns (ConfirmedGpus memory) {
        return _gpus[worker];
    }

    /// @notice The worker that a GPU (SHA-256 of its UEID) was last vouched for in, and the instant from
    /// which it may be in another.
    function gpuHolderOf(bytes32 gpu) external view returns (GpuHolder memory) {
        return _gpuHolder[gpu];
    }

    /// @notice GPUs that verifiers vouched for, while both that and the worker's coverage last; nothing
    /// otherwise.
    function gpusOf(address worker) external view returns (bytes32 gpuClass, uint256 gpus) {
        ConfirmedGpus memory confirmed = _gpus[worker];
        if (confirmed.until <= block.timestamp || !_isCovered(worker)) return (0, 0);
        return (confirmed.gpuClass, confirmed.gpus);
    }
}
