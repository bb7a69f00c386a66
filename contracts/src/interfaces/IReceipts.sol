// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "./IMarket.sol";

/// @title IReceipts: when workers' receipts were there
/// @notice A worker puts the Merkle root of a batch of receipts that it signed for a lease on chain (see
/// `ISlashing.Receipt`). Whoever has a receipt and its path proves by that, years later, that the worker
/// stood by it then, whatever becomes of worker and index.
interface IReceipts {
    /// @notice The caller isn't the worker of the lease.
    error NotLeaseWorker(bytes32 lease, address caller);
    /// @notice There is no batch of this number.
    error UnknownBatch(bytes32 lease, uint64 era, uint256 index);

    /// @notice A worker anchored `count` receipts of a lease: batch number `index` of the era.
    event Anchored(
        bytes32 indexed lease, address indexed worker, uint64 era, uint256 index, uint256 count, bytes32 root
    );

    /// @notice Anchors a batch of receipts. The lease's worker only, also after the lease has ended.
    /// Reverts with `NotLeaseWorker`, `ZeroHash` or `ZeroAmount`.
    /// @param era The life of the worker's store that the receipts' numbers are of.
    /// @param count How many receipts there are in the batch.
    /// @param root Of the Merkle tree over the receipts' digests, with sorted pairs, each leaf hashed twice
    /// (as OpenZeppelin's StandardMerkleTree over `bytes32`).
    /// @return index The batch's number, from 0, by lease and era.
    function anchor(bytes32 lease, uint64 era, uint64 count, bytes32 root) external returns (uint256 index);

    /// @notice The root of a batch. Reverts with `UnknownBatch`.
    function rootOf(bytes32 lease, uint64 era, uint256 index) external view returns (bytes32);

    /// @notice How many batches of a lease there are in an era.
    function batchCount(bytes32 lease, uint64 era) external view returns (uint256);

    /// @notice Whether a receipt is in a batch. Reverts with `UnknownBatch`.
    /// @param digest What the worker signed: `ISlashing.receiptDigest`.
    function includes(bytes32 lease, uint64 era, uint256 index, bytes32 digest, bytes32[] calldata proof)
        external
        view
        returns (bool);

    /// @notice Whose leases have receipts.
    function market() external view returns (IMarket);
}
