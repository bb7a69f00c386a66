// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {vm} from "../../Vm.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingReportReceiptsTest is SlashingStage {
    function test_two_receipts_for_one_unit_of_work_cost_a_twentieth_once() public {
        ISlashing.Receipt memory a = ISlashing.Receipt(worker, keccak256("lease"), 1, 7, keccak256("one"));
        ISlashing.Receipt memory b = ISlashing.Receipt(worker, keccak256("lease"), 1, 7, keccak256("two"));
        (bytes memory signatureA, bytes memory signatureB) =
            (receiptBy(WORKER_KEY, a), receiptBy(WORKER_KEY, b));
        vm.prank(stranger);
        vm.assertEq(slashing.reportReceipts(a, signatureA, b, signatureB), POOL / 20);
        vm.assertEq(token.balanceOf(stranger), POOL / 100);
        vm.assertEq(token.balanceOf(treasury), POOL / 20 - POOL / 100);
        // The same two the other way round are the same deed, and so is a third receipt.
        b.content = keccak256("three");
        bytes memory signatureC = receiptBy(WORKER_KEY, b);
        bytes32 deed = keccak256(abi.encode(ISlashing.Offence.Receipts, worker, a.lease, a.era, a.sequence));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.KnownAlready.selector, deed));
        slashing.reportReceipts(b, signatureC, a, signatureA);
        // Another number is another unit of work.
        b.sequence = 8;
        signatureC = receiptBy(WORKER_KEY, b);
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportReceipts(a, signatureA, b, signatureC);
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportReceipts(a, signatureA, a, signatureA);
    }

    function test_a_worker_that_lost_its_store_counts_anew_in_another_era() public {
        (ISlashing.Receipt memory a, bytes memory signatureA, ISlashing.Receipt memory b,) = twoReceipts(7);
        b.era = 2;
        bytes memory signatureB = receiptBy(WORKER_KEY, b);
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportReceipts(a, signatureA, b, signatureB);
        // In that era it answers for what it says as ever.
        ISlashing.Receipt memory c = ISlashing.Receipt(worker, b.lease, 2, b.sequence, keccak256("three"));
        bytes memory signatureC = receiptBy(WORKER_KEY, c);
        vm.assertEq(slashing.reportReceipts(b, signatureB, c, signatureC), POOL / 20);
    }

    function test_a_stolen_key_empties_no_pool_overnight() public {
        vm.assertEq(contradict(1), POOL / 20);
        (
            ISlashing.Receipt memory a,
            bytes memory signatureA,
            ISlashing.Receipt memory b,
            bytes memory signatureB
        ) = twoReceipts(2);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ReportedRecently.selector, provider, block.timestamp + 1 days)
        );
        slashing.reportReceipts(a, signatureA, b, signatureB);
        // A day later it counts: what was refused is not lost.
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(slashing.reportReceipts(a, signatureA, b, signatureB), (POOL - POOL / 20) / 20);
    }

    function test_a_worker_answers_for_three_weeks_after_it_was_last_covered() public {
        (,, uint256 coveredUntil) = workers.billing(worker);
        vm.warp(coveredUntil + 21 days);
        vm.assertEq(contradict(1), POOL / 20);
        vm.warp(coveredUntil + 22 days);
        (
            ISlashing.Receipt memory a,
            bytes memory signatureA,
            ISlashing.Receipt memory b,
            bytes memory signatureB
        ) = twoReceipts(2);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.OutOfService.selector, worker, coveredUntil + 21 days)
        );
        slashing.reportReceipts(a, signatureA, b, signatureB);
    }

    function test_what_the_worker_did_not_sign_proves_nothing() public {
        ISlashing.Receipt memory a = ISlashing.Receipt(worker, keccak256("lease"), 1, 7, keccak256("one"));
        ISlashing.Receipt memory b = ISlashing.Receipt(worker, keccak256("lease"), 1, 7, keccak256("two"));
        (bytes memory signatureA, bytes memory forged) = (receiptBy(WORKER_KEY, a), receiptBy(0xBAD, b));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotSignedByWorker.selector, worker));
        slashing.reportReceipts(a, signatureA, b, forged);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotSignedByWorker.selector, worker));
        slashing.reportReceipts(b, "", a, signatureA);
        // A key that is no worker's contradicts nobody.
        (a.worker, b.worker) = (vm.addr(0xBAD), vm.addr(0xBAD));
        (signatureA, forged) = (receiptBy(0xBAD, a), receiptBy(0xBAD, b));
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownWorker.selector, vm.addr(0xBAD)));
        slashing.reportReceipts(a, signatureA, b, forged);
    }
}
