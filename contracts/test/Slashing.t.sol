// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Emission} from "../src/Emission.sol";
import {Market} from "../src/Market.sol";
import {Slashing} from "../src/Slashing.sol";
import {Stake} from "../src/Stake.sol";
import {Verdicts} from "../src/Verdicts.sol";
import {Workers} from "../src/Workers.sol";
import {change, deployEconomy} from "./Economy.sol";
import {VerifiedNetwork} from "./VerifiedNetwork.sol";
import {vm} from "./Vm.sol";

/// @dev The whole network with stake: real attestations, verdicts and leases.
contract SlashingTest is VerifiedNetwork {
    Stake private stake;
    Emission private emission;
    Slashing private slashing;
    uint256 private constant POOL = 20_000e18;

    function setUp() public override {
        super.setUp();
        (stake, emission, slashing) = deployEconomy(address(this), governance, cloi, workers, market, treasury);
        vm.prank(governance);
        workers.setObserver(emission);
        cloi.mint(provider, POOL);
        vm.prank(provider);
        cloi.approve(address(stake), type(uint256).max);
        vm.prank(provider);
        stake.delegate(provider, POOL);
        attest();
    }

    // PROOFS

    function test_two_receipts_for_one_unit_of_work_cost_a_twentieth_once() public {
        Slashing.Receipt memory a = Slashing.Receipt(worker, keccak256("lease"), 7, keccak256("one"));
        Slashing.Receipt memory b = Slashing.Receipt(worker, keccak256("lease"), 7, keccak256("two"));
        (bytes memory signatureA, bytes memory signatureB) = (receiptBy(WORKER_KEY, a), receiptBy(WORKER_KEY, b));
        vm.prank(stranger);
        vm.assertEq(slashing.reportReceipts(a, signatureA, b, signatureB), POOL / 20);
        vm.assertEq(cloi.balanceOf(stranger), POOL / 100);
        vm.assertEq(cloi.balanceOf(treasury), POOL / 20 - POOL / 100);
        // The same two the other way round are the same deed, and so is a third receipt.
        b.content = keccak256("three");
        bytes memory signatureC = receiptBy(WORKER_KEY, b);
        bytes32 deed = keccak256(abi.encode(Slashing.Offence.Receipts, worker, a.lease, a.sequence));
        vm.expectRevert(abi.encodeWithSelector(Slashing.KnownAlready.selector, deed));
        slashing.reportReceipts(b, signatureC, a, signatureA);
        // Another number is another unit of work.
        b.sequence = 8;
        signatureC = receiptBy(WORKER_KEY, b);
        vm.expectRevert(Slashing.NoContradiction.selector);
        slashing.reportReceipts(a, signatureA, b, signatureC);
        vm.expectRevert(Slashing.NoContradiction.selector);
        slashing.reportReceipts(a, signatureA, a, signatureA);
    }

    function test_a_stolen_key_empties_no_pool_overnight() public {
        vm.assertEq(contradict(1), POOL / 20);
        (Slashing.Receipt memory a, bytes memory signatureA, Slashing.Receipt memory b, bytes memory signatureB) = twoReceipts(2);
        vm.expectRevert(abi.encodeWithSelector(Slashing.ReportedRecently.selector, provider, block.timestamp + 1 days));
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
        (Slashing.Receipt memory a, bytes memory signatureA, Slashing.Receipt memory b, bytes memory signatureB) = twoReceipts(2);
        vm.expectRevert(abi.encodeWithSelector(Slashing.OutOfService.selector, worker, coveredUntil + 21 days));
        slashing.reportReceipts(a, signatureA, b, signatureB);
    }

    function test_what_the_worker_did_not_sign_proves_nothing() public {
        Slashing.Receipt memory a = Slashing.Receipt(worker, keccak256("lease"), 7, keccak256("one"));
        Slashing.Receipt memory b = Slashing.Receipt(worker, keccak256("lease"), 7, keccak256("two"));
        (bytes memory signatureA, bytes memory forged) = (receiptBy(WORKER_KEY, a), receiptBy(0xBAD, b));
        vm.expectRevert(abi.encodeWithSelector(Slashing.NotSignedByWorker.selector, worker));
        slashing.reportReceipts(a, signatureA, b, forged);
        vm.expectRevert(abi.encodeWithSelector(Slashing.NotSignedByWorker.selector, worker));
        slashing.reportReceipts(b, "", a, signatureA);
        // A key that is no worker's contradicts nobody.
        (a.worker, b.worker) = (vm.addr(0xBAD), vm.addr(0xBAD));
        (signatureA, forged) = (receiptBy(0xBAD, a), receiptBy(0xBAD, b));
        vm.expectRevert(abi.encodeWithSelector(Slashing.UnknownWorker.selector, vm.addr(0xBAD)));
        slashing.reportReceipts(a, signatureA, b, forged);
    }

    function test_two_prices_under_one_salt_cost_a_hundredth() public {
        Market.Bid memory a = makeBid(address(usdc), 16, 1);
        Market.Bid memory b = makeBid(address(usdc), 17, 1);
        bytes memory signatureA = sign(WORKER_KEY, market.bidDigest(a));
        bytes memory signatureB = sign(WORKER_KEY, market.bidDigest(b));
        vm.prank(stranger);
        vm.assertEq(slashing.reportBids(a, signatureA, b, signatureB), POOL / 100);
        vm.expectRevert(Slashing.NoContradiction.selector);
        slashing.reportBids(a, signatureA, a, signatureA);
        Market.Bid memory c = makeBid(address(usdc), 17, 2);
        bytes memory signatureC = sign(WORKER_KEY, market.bidDigest(c));
        vm.expectRevert(Slashing.NoContradiction.selector);
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
        vm.expectRevert(abi.encodeWithSelector(Slashing.NotRefused.selector, kept));
        slashing.reportRefusal(kept);
        vm.prank(stranger);
        vm.assertEq(slashing.reportRefusal(first), POOL / 1_000);
        vm.assertEq(cloi.balanceOf(stranger), POOL / 10_000);
        vm.expectRevert(abi.encodeWithSelector(Slashing.ReportedRecently.selector, provider, block.timestamp + 1 days));
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
        vm.expectRevert(abi.encodeWithSelector(Slashing.OutOfBounds.selector, 1_001, 1_000));
        slashing.propose(provider, 1_001, "reason");
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        uint256 readyAt = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(Slashing.NotReady.selector, id, readyAt));
        slashing.execute(id);
        vm.prank(governance);
        uint256 second = slashing.propose(owners[0], 500, "another reason");
        vm.prank(governance);
        slashing.cancel(second);
        vm.warp(readyAt);
        vm.assertEq(slashing.execute(id), POOL / 10);
        vm.assertEq(cloi.balanceOf(treasury), POOL / 10);
        vm.expectRevert(abi.encodeWithSelector(Slashing.NoProposal.selector, id));
        slashing.execute(id);
        vm.expectRevert(abi.encodeWithSelector(Slashing.NoProposal.selector, second));
        slashing.execute(second);
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 21 days);
        vm.expectRevert(abi.encodeWithSelector(Slashing.Expired.selector, id, block.timestamp));
        slashing.execute(id);
    }

    function test_governance_takes_a_tenth_of_a_pool_at_the_most_until_everybody_could_have_left() public {
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Fifty at once are one.
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(Slashing.ProposedRecently.selector, provider, block.timestamp + (7 + 14 + 22) * 1 days)
        );
        slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 7 days);
        slashing.execute(id);
        uint256 executedAt = block.timestamp;
        vm.warp(executedAt + 22 days - 1);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Slashing.ProposedRecently.selector, provider, executedAt + 22 days));
        slashing.propose(provider, 1_000, "reason");
        // Nor does cancelling make room for the next one: no slash hangs over a pool for ever.
        vm.warp(executedAt + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.prank(governance);
        slashing.cancel(id);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Slashing.ProposedRecently.selector, provider, block.timestamp + 22 days));
        slashing.propose(provider, 1_000, "reason");
        vm.assertEq(stake.poolOf(provider).assets, POOL * 9 / 10);
    }

    function test_nobody_moves_stake_out_of_a_pool_while_a_slash_of_it_is_announced_and_anybody_leaves() public {
        address alice = address(0xA11);
        cloi.mint(alice, 9 * POOL);
        cloi.mint(owners[0], POOL);
        vm.prank(alice);
        cloi.approve(address(stake), type(uint256).max);
        vm.prank(owners[0]);
        cloi.approve(address(stake), type(uint256).max);
        vm.prank(owners[0]);
        stake.delegate(owners[0], POOL);
        vm.prank(alice);
        uint256 shares = stake.delegate(provider, 9 * POOL);
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Nine tenths of a pool may be its provider's under another name.
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.MovesHeld.selector, provider, block.timestamp + 21 days));
        stake.redelegate(provider, owners[0], shares);
        vm.prank(alice);
        uint256 exit = stake.requestExit(provider, shares / 2);
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(slashing.execute(id), POOL);
        vm.assertLe(stake.exitWorth(exit), 9 * POOL / 2 * 9 / 10);
        // It is over, whatever became of it.
        vm.prank(alice);
        stake.redelegate(provider, owners[0], shares / 4);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotSlasher.selector, address(this)));
        stake.holdMoves(provider, block.timestamp);
        vm.prank(address(slashing));
        vm.expectRevert(
            abi.encodeWithSelector(Stake.OutOfBounds.selector, block.timestamp + 21 days + 1, 0, block.timestamp + 21 days)
        );
        stake.holdMoves(provider, block.timestamp + 21 days + 1);
    }

    function test_penalties_have_bounds() public {
        bytes[2] memory beyond = [
            abi.encodeCall(Slashing.setPenalty, (Slashing.Offence.Bids, 1_001, 0)),
            abi.encodeCall(Slashing.setPenalty, (Slashing.Offence.Bids, 1, 2_001))
        ];
        for (uint256 i; i < 2; ++i) {
            vm.prank(governance);
            slashing.announce(beyond[i]);
        }
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Slashing.OutOfBounds.selector, 1_001, 1_000));
        slashing.setPenalty(Slashing.Offence.Bids, 1_001, 0);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Slashing.OutOfBounds.selector, 2_001, 2_000));
        slashing.setPenalty(Slashing.Offence.Bids, 1, 2_001);
        change(governance, slashing, abi.encodeCall(Slashing.setPenalty, (Slashing.Offence.Bids, 1, 1)));
        vm.assertEq(slashing.penaltyBps(Slashing.Offence.Bids), 1);
    }

    // RENEWALS

    /// @dev What weighing adds to a day of renewals, of a worker that is the only one in the network: the dearest there is. Renewed
    /// twice an hour, as agents do.
    function test_gas_of_renewals_with_gpus_that_earn() public {
        stand();
        uint256 plain;
        uint256 most;
        uint256 sum;
        for (uint256 i; i < 48; ++i) {
            vm.warp(block.timestamp + 30 minutes);
            vm.roll(block.number + 2);
            uint256 number = block.number - 1;
            bytes memory quote = quoteFor(worker, number);
            vm.prank(worker);
            workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
            uint256 gas = vm.snapshotGasLastCall("Gas", "attest of GPUs that earn (48th)");
            confirm();
            (most, sum) = (gas > most ? gas : most, sum + gas);
        }
        vm.snapshotGasLastCall("Gas", "confirmGpus of 8 that earn");
        (uint256 pool,) = emission.weightsOf(provider, 22);
        vm.assertEq(pool, 80);
        vm.prank(governance);
        workers.setObserver(Emission(address(0)));
        vm.warp(block.timestamp + 30 minutes);
        vm.roll(block.number + 2);
        bytes memory last = quoteFor(worker, block.number - 1);
        vm.prank(worker);
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, last);
        plain = vm.snapshotGasLastCall("Gas", "attest without emission");
        // Two renewals buy an hour.
        uint256 added = (sum - 48 * plain) / 24;
        vm.snapshotValue("Gas", "attest: added per hour of coverage, a day's mean", added);
        vm.snapshotValue("Gas", "attest: added at the most", most - plain);
        vm.assertLe(added, 30_000);
    }

    function test_who_brings_too_little_gas_for_weighing_attests_nothing() public {
        stand();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        (bool success,) = address(workers).call{gas: 250_000}(
            abi.encodeCall(Workers.attest, (worker, pckKey, number, TLS_KEY_HASH, quote))
        );
        vm.assertTrue(!success);
        attestWith(worker, pckKey, number, quote);
    }

    function test_an_observer_that_fails_stops_no_attestation() public {
        vm.prank(governance);
        workers.setObserver(Emission(address(market)));
        attest();
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        workers.setObserver(emission);
    }

    /// @dev Eight H100 with their collateral, and verifiers who stay.
    function stand() private {
        confirm();
        vm.prank(provider);
        stake.setCollateral(worker);
    }

    /// @dev Verifiers renew as well, so that their word counts.
    function confirm() private {
        vm.roll(block.number + 2);
        for (uint256 i; i < 2; ++i) renewVerifier(i);
        Verdicts.Verdict memory verdict = gpus();
        workers.confirmGpus(verdict, signed(verdict, 2), claimed(verdict), gpuIds());
    }

    function contradict(uint64 sequence) private returns (uint256 taken) {
        (Slashing.Receipt memory a, bytes memory signatureA, Slashing.Receipt memory b, bytes memory signatureB) =
            twoReceipts(sequence);
        return slashing.reportReceipts(a, signatureA, b, signatureB);
    }

    function twoReceipts(uint64 sequence)
        private
        view
        returns (Slashing.Receipt memory a, bytes memory signatureA, Slashing.Receipt memory b, bytes memory signatureB)
    {
        a = Slashing.Receipt(worker, keccak256("lease"), sequence, keccak256("one"));
        b = Slashing.Receipt(worker, keccak256("lease"), sequence, keccak256("two"));
        (signatureA, signatureB) = (receiptBy(WORKER_KEY, a), receiptBy(WORKER_KEY, b));
    }

    function receiptBy(uint256 key, Slashing.Receipt memory receipt) private view returns (bytes memory) {
        return sign(key, slashing.receiptDigest(receipt));
    }
}
