// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Slashing} from "../../src/economy/Slashing.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {Announcements} from "../../src/libraries/Announcements.sol";
import {vm} from "../Vm.sol";
import {change} from "../stages/Economy.sol";
import {StakedNetwork} from "../stages/StakedNetwork.sol";

/// @dev The whole network with stake: real attestations, verdicts and leases.
contract SlashingTest is StakedNetwork {
    function setUp() public override {
        super.setUp();
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        attest();
    }

    // PROOFS

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

    function test_two_prices_under_one_salt_cost_a_hundredth() public {
        IMarket.Bid memory a = makeBid(address(usdc), 16, 1);
        IMarket.Bid memory b = makeBid(address(usdc), 17, 1);
        bytes memory signatureA = sign(WORKER_KEY, market.bidDigest(a));
        bytes memory signatureB = sign(WORKER_KEY, market.bidDigest(b));
        vm.prank(stranger);
        vm.assertEq(slashing.reportBids(a, signatureA, b, signatureB), POOL / 100);
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportBids(a, signatureA, a, signatureA);
        IMarket.Bid memory c = makeBid(address(usdc), 17, 2);
        bytes memory signatureC = sign(WORKER_KEY, market.bidDigest(c));
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportBids(a, signatureA, c, signatureC);
    }

    function test_a_refused_bid_costs_a_thousandth_once_a_day() public {
        bytes32 kept = openLease(address(usdc), 16, 100_000, 1);
        bytes32 first = openLease(address(usdc), 16, 100_000, 2);
        bytes32 second = openLease(address(usdc), 16, 100_000, 3);
        vm.prank(worker);
        market.refuse(first);
        vm.prank(provider);
        market.refuse(second);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotRefused.selector, kept));
        slashing.reportRefusal(kept);
        vm.prank(stranger);
        vm.assertEq(slashing.reportRefusal(first), POOL / 1_000);
        vm.assertEq(token.balanceOf(stranger), POOL / 10_000);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ReportedRecently.selector, provider, block.timestamp + 1 days)
        );
        slashing.reportRefusal(second);
        vm.warp(block.timestamp + 1 days);
        slashing.reportRefusal(second);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert();
        slashing.reportRefusal(first);
    }

    // GOVERNANCE

    function test_governance_announces_a_week_ahead_and_can_think_again() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        slashing.propose(provider, 100, "reason");
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1_001, 1, 1_000));
        slashing.propose(provider, 1_001, "reason");
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        uint256 readyAt = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(Announcements.TooEarly.selector, id, readyAt));
        slashing.execute(id);
        vm.prank(governance);
        uint256 second = slashing.propose(owners[0], 500, "another reason");
        vm.prank(governance);
        slashing.cancel(second);
        vm.warp(readyAt);
        vm.assertEq(slashing.execute(id), POOL / 10);
        vm.assertEq(token.balanceOf(treasury), POOL / 10);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, id));
        slashing.execute(id);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, second));
        slashing.execute(second);
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 21 days);
        vm.expectRevert(abi.encodeWithSelector(Announcements.TooLate.selector, id, block.timestamp));
        slashing.execute(id);
    }

    function test_governance_takes_a_tenth_of_a_pool_at_the_most_until_everybody_could_have_left() public {
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Fifty at once are one.
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISlashing.ProposedRecently.selector, provider, block.timestamp + (7 + 14 + 22) * 1 days
            )
        );
        slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 7 days);
        slashing.execute(id);
        uint256 executedAt = block.timestamp;
        vm.warp(executedAt + 22 days - 1);
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ProposedRecently.selector, provider, executedAt + 22 days)
        );
        slashing.propose(provider, 1_000, "reason");
        // Nor does cancelling make room for the next one: no slash hangs over a pool for ever.
        vm.warp(executedAt + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.prank(governance);
        slashing.cancel(id);
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ProposedRecently.selector, provider, block.timestamp + 22 days)
        );
        slashing.propose(provider, 1_000, "reason");
        vm.assertEq(stake.poolOf(provider).assets, POOL * 9 / 10);
    }

    function test_nobody_moves_stake_out_of_a_pool_while_a_slash_of_it_is_announced_and_anybody_leaves()
        public
    {
        address alice = address(0xA11);
        fund(alice, 9 * POOL);
        fund(owners[0], POOL);
        delegate(owners[0], owners[0], POOL);
        uint256 shares = delegate(alice, provider, 9 * POOL);
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Nine tenths of a pool may be its provider's under another name.
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IStake.MovesHeld.selector, provider, block.timestamp + 21 days)
        );
        stake.redelegate(provider, owners[0], shares);
        vm.prank(alice);
        uint256 exit = stake.requestExit(provider, shares / 2);
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(slashing.execute(id), POOL);
        vm.assertLe(stake.exitWorth(exit), 9 * POOL / 2 * 9 / 10);
        // It is over, whatever became of it.
        vm.prank(alice);
        stake.redelegate(provider, owners[0], shares / 4);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotSlasher.selector, address(this)));
        stake.holdMoves(provider, block.timestamp);
        vm.prank(address(slashing));
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.OutOfBounds.selector, block.timestamp + 21 days + 1, 0, block.timestamp + 21 days
            )
        );
        stake.holdMoves(provider, block.timestamp + 21 days + 1);
    }

    function test_penalties_have_bounds() public {
        bytes[2] memory beyond = [
            abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1_001, 0)),
            abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1, 2_001))
        ];
        for (uint256 i; i < 2; ++i) {
            vm.prank(governance);
            slashing.announce(beyond[i]);
        }
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1_001, 0, 1_000));
        slashing.setPenalty(ISlashing.Offence.Bids, 1_001, 0);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 2_001, 0, 2_000));
        slashing.setPenalty(ISlashing.Offence.Bids, 1, 2_001);
        change(governance, slashing, abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1, 1)));
        vm.assertEq(slashing.penaltyBps(ISlashing.Offence.Bids), 1);
    }
}
