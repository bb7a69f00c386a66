// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IReceipts} from "../interfaces/IReceipts.sol";

/// @title Receipts: when workers' receipts were there
/// @notice See `IReceipts`. Nobody owns it, and nothing in it changes.
contract Receipts is IReceipts {
    /// @inheritdoc IReceipts
    IMarket public immutable market;

    mapping(bytes32 lease => mapping(uint64 era => bytes32[])) private _roots;

    constructor(IMarket market_) {
        if (address(market_) == address(0)) revert Errors.ZeroAddress();
        market = market_;
    }

    /// @inheritdoc IReceipts
    function anchor(bytes32 lease, uint64 era, uint64 count, bytes32 root) external returns (uint256 index) {
        if (market.leaseOf(lease).worker != msg.sender) revert NotLeaseWorker(lease, msg.sender);
        if (root == 0) revert Errors.ZeroHash();
        if (count == 0) revert Errors.ZeroAmount();
        bytes32[] storage roots = _roots[lease][era];
        index = roots.length;
        roots.push(root);
        emit Anchored(lease, msg.sender, era, index, count, root);
    }

    /// @inheritdoc IReceipts
    function rootOf(bytes32 lease, uint64 era, uint256 index) public view returns (bytes32) {
        bytes32[] storage roots = _roots[lease][era];
        if (index >= roots.length) revert UnknownBatch(lease, era, index);
        return roots[index];
    }

    /// @inheritdoc IReceipts
    function batchCount(bytes32 lease, uint64 era) external view returns (uint256) {
        return _roots[lease][era].length;
    }

    /// @inheritdoc IReceipts
    function includes(bytes32 lease, uint64 era, uint256 index, bytes32 digest, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        // Hashed twice, a leaf can't be taken for a node: both are hashes of 64 bytes otherwise.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(digest))));
        return MerkleProof.verifyCalldata(proof, rootOf(lease, era, index), leaf);
    }
}
