// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Coverage} from "../libraries/Coverage.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title Gpus: which GPUs workers have in confidential mode, as verifiers found them
/// @notice Without a verdict a GPU class is worth nothing: what a worker says of itself when it registers is
/// for people to read. GPU evidence names no machine, and anybody can have GPUs answer for any worker; that
/// these are the worker's own is the word of its key, which the measured guest holds, and which verifiers
/// want before they check the evidence (see docs/attestation.md).
library Gpus {
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

    struct Confirmed {
        mapping(address worker => ConfirmedGpus) confirmed;
        mapping(bytes32 gpu => GpuHolder) holder;
    }

    /// @notice The GPU was vouched for in `worker`, and can't be in another one before `until`, Unix seconds.
    error GpuHeld(bytes32 gpu, address worker, uint256 until);
    /// @notice The list of GPUs isn't what the verdict names, or isn't in ascending order.
    error GpusNotAsNamed();

    /// @dev Writes down what a verdict found, for `period` seconds. While a GPU is vouched for in a worker it
    /// can't be in another, so that no GPU earns twice.
    /// @param gpus SHA-256 of each GPU's identity, ascending; the verdict's platform is SHA-256 of them all.
    /// @return until When it ends, Unix seconds.
    function confirm(
        Confirmed storage self,
        Verdicts.Verdict calldata verdict,
        bytes32[] calldata gpus,
        uint256 period
    ) internal returns (uint48 until) {
        if (gpus.length != verdict.gpus || sha256(abi.encodePacked(gpus)) != verdict.platform) {
            revert GpusNotAsNamed();
        }
        ConfirmedGpus storage confirmed = self.confirmed[verdict.worker];
        if (verdict.blockNumber <= confirmed.lastBlock) {
            revert Coverage.EvidenceReplayed(verdict.blockNumber, confirmed.lastBlock);
        }
        // Hours that were counted on the word before stay counted, so these GPUs stay here for as long: a
        // coverage period that was shortened in between must not let them count in two workers.
        until = uint48(block.timestamp + period);
        if (until < confirmed.until) until = confirmed.until;
        for (uint256 i; i < gpus.length; ++i) {
            if (i != 0 && gpus[i] <= gpus[i - 1]) revert GpusNotAsNamed();
            GpuHolder storage holder = self.holder[gpus[i]];
            if (holder.worker != verdict.worker && holder.until > block.timestamp) {
                revert GpuHeld(gpus[i], holder.worker, holder.until);
            }
            (holder.worker, holder.until) = (verdict.worker, until);
        }
        self.confirmed[verdict.worker] =
            ConfirmedGpus(verdict.gpuClass, verdict.gpus, until, uint64(verdict.blockNumber));
    }
}
