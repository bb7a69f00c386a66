// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Receipts} from "../../src/inference/Receipts.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IReceipts} from "../../src/interfaces/IReceipts.sol";
import {vm} from "../Vm.sol";
import {InferenceNetwork} from "./InferenceNetwork.sol";

contract ReceiptsTest is InferenceNetwork {
    bytes32 private lease;

    function setUp() public override {
        super.setUp();
        register();
        attest();
        lease = openLease(address(usdc), 16, 100_000, 1);
    }

    function test_a_worker_anchors_batches_of_its_leases_by_era_also_when_they_are_over() public {
        vm.prank(worker);
        vm.assertEq(receipts.anchor(lease, 7, 2, "one"), 0);
        vm.prank(worker);
        vm.assertEq(receipts.anchor(lease, 7, 2, "two"), 1);
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.prank(worker);
        vm.assertEq(receipts.anchor(lease, 8, 1, "three"), 0);
        vm.assertEq(receipts.rootOf(lease, 7, 1), "two");
        vm.assertEq(receipts.batchCount(lease, 7), 2);
        vm.assertEq(receipts.rootOf(lease, 8, 0), "three");
        vm.expectRevert(abi.encodeWithSelector(IReceipts.UnknownBatch.selector, lease, 7, 2));
        receipts.rootOf(lease, 7, 2);
    }

    function test_nobody_else_anchors_and_no_batch_is_empty() public {
        address[3] memory others = [provider, tenant, stranger];
        for (uint256 i; i < 3; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IReceipts.NotLeaseWorker.selector, lease, others[i]));
            receipts.anchor(lease, 7, 2, "one");
        }
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IReceipts.NotLeaseWorker.selector, bytes32("none"), worker));
        receipts.anchor("none", 7, 2, "one");
        // Of a lease that isn't there the worker is the zero address, which nobody is.
        vm.prank(worker);
        vm.expectRevert(Errors.ZeroHash.selector);
        receipts.anchor(lease, 7, 2, 0);
        vm.prank(worker);
        vm.expectRevert(Errors.ZeroAmount.selector);
        receipts.anchor(lease, 7, 0, "one");
        vm.expectRevert(Errors.ZeroAddress.selector);
        new Receipts(IMarket(address(0)));
    }

    function testFuzz_a_receipt_is_in_the_batch_that_has_it_and_no_node_is_a_receipt(
        bytes32[4] memory digests,
        bytes32 other
    ) public {
        bytes32[4] memory leaves;
        for (uint256 i; i < 4; ++i) {
            vm.assume(digests[i] != other);
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(digests[i]))));
        }
        (bytes32 left, bytes32 right) = (pair(leaves[0], leaves[1]), pair(leaves[2], leaves[3]));
        vm.prank(worker);
        receipts.anchor(lease, 7, 4, pair(left, right));
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (leaves[1], right);
        vm.assertTrue(receipts.includes(lease, 7, 0, digests[0], proof));
        vm.assertTrue(!receipts.includes(lease, 7, 0, other, proof));
        bytes32[] memory shorter = new bytes32[](1);
        shorter[0] = right;
        vm.assertTrue(!receipts.includes(lease, 7, 0, left, shorter));
        vm.assertTrue(!receipts.includes(lease, 7, 0, pair(left, right), new bytes32[](0)));
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
