// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IStake} from "../../src/interfaces/IStake.sol";
import {vm} from "../Vm.sol";
import {EconomyTest} from "../stages/Economy.sol";

/// @dev Coverage of a day, as long as governance may let it be: hours are counted a day ahead, and a pool
/// may lose its collateral meanwhile.
contract LongCoverageTest is EconomyTest {
    uint256 private mine;

    function setUp() public override {
        super.setUp();
        put(provider, provider, 5_000 * ONE);
        mine = put(alice, provider, 5_000 * ONE);
        put(other, other, 1_250 * ONE);
        day(worker, "h100", 8);
        vm.prank(provider);
        stake.syncCollateral(worker);
        day(secondWorker, "h100", 1);
        vm.prank(other);
        stake.syncCollateral(secondWorker);
    }

    function test_hours_counted_before_a_pool_fell_short_stay_counted_and_no_others_are() public {
        toEpoch(2, 600);
        vm.prank(alice);
        stake.requestExit(provider, mine);
        vm.assertTrue(emission.poolStandingOf(provider).unbacked);
        // Renewing adds nothing to it, and goes on adding to others.
        toEpoch(3, 600);
        day(worker, "h100", 8);
        day(secondWorker, "h100", 1);
        emission.weigh(worker);
        weighs(2, 80, 90);
        weighs(23, 80, 90);
        weighs(24, 0, 10);
        weighs(26, 0, 10);
        weighs(27, 0, 0);
        toEpoch(30, 0);
        paysOut(2, 27);
    }

    function test_what_departs_from_a_pool_that_fell_short_takes_back_every_hour_that_is_not_over() public {
        toEpoch(2, 600);
        vm.prank(alice);
        stake.requestExit(provider, mine);
        toEpoch(5, 1_800);
        fake.depart(worker);
        weighs(4, 80, 90);
        for (uint256 epoch = 5; epoch < 24; ++epoch) {
            weighs(epoch, 0, 10);
        }
        // Twice, or weighed again, is not twice.
        fake.depart(worker);
        emission.weigh(worker);
        weighs(5, 0, 10);
        // Filled up and back again, it counts from the next hour on, once.
        toEpoch(6, 600);
        vm.prank(alice);
        stake.cancelExit(1);
        toEpoch(6, 1_200);
        day(worker, "h100", 8);
        emission.weigh(worker);
        weighs(6, 0, 10);
        weighs(7, 80, 90);
        weighs(23, 80, 90);
        weighs(24, 80, 80);
        weighs(29, 80, 80);
        weighs(30, 0, 0);
        toEpoch(40, 0);
        paysOut(6, 30);
    }

    function test_a_smaller_weight_replaces_every_hour_ahead_and_none_that_is_over() public {
        toEpoch(4, 600);
        fake.confirm(worker, "h100", 2, 1 days);
        for (uint256 epoch = 1; epoch < 4; ++epoch) {
            weighs(epoch, 80, 90);
        }
        // Other GPUs than those that were vouched for when this hour began.
        weighs(4, 0, 10);
        for (uint256 epoch = 5; epoch < 24; ++epoch) {
            weighs(epoch, 20, 30);
        }
        fake.depart(worker);
        weighs(4, 0, 10);
        weighs(5, 0, 10);
        weighs(23, 0, 10);
        toEpoch(40, 0);
        paysOut(0, 24);
    }

    /// @dev What stake does for GPUs it may do for a day longer than it is there, in two pools. Twice as
    /// long takes 22 days' notice.
    function test_stake_that_moves_on_backs_gpus_in_both_pools_for_as_long_as_coverage_lasts_and_no_longer()
        public
    {
        toEpoch(2, 600);
        vm.prank(alice);
        stake.redelegate(provider, other, mine);
        day(secondWorker, "h100", 4);
        vm.prank(other);
        stake.syncCollateral(secondWorker);
        weighs(23, 80, 120);
        weighs(24, 0, 40);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IStake.RedelegatedRecently.selector, block.timestamp + 21 days)
        );
        stake.redelegate(other, provider, 1e18);
    }

    function day(address w, bytes32 class, uint256 gpus) private {
        fake.cover(w, 1 days);
        fake.confirm(w, class, gpus, 1 days);
    }

    function weighs(uint256 epoch, uint256 pool, uint256 total) private view {
        (uint256 p, uint256 t) = emission.weightsOf(provider, epoch);
        vm.assertEq(p, pool, "the pool's weight");
        vm.assertEq(t, total, "all weights");
    }

    /// @dev Both pools get their part of all hours until `to`, to the unit, and settling leaves nothing
    /// over. The first pool was settled until `settledTo` before.
    function paysOut(uint256 settledTo, uint256 to) private {
        address[2] memory pools = [provider, other];
        for (uint256 i; i < 2; ++i) {
            uint256 due;
            for (uint256 epoch = i == 0 ? settledTo : 0; epoch < to; ++epoch) {
                (uint256 weight, uint256 total) = emission.weightsOf(pools[i], epoch);
                if (weight != 0) due += emission.gpuBudgetOf(epoch) * weight / total;
            }
            vm.prank(address(stake));
            (uint256 amount, bool done) = emission.settle(pools[i]);
            vm.assertEq(amount, due, "what a pool gets");
            vm.assertTrue(done);
            vm.prank(address(stake));
            (amount, done) = emission.settle(pools[i]);
            vm.assertEq(amount, 0);
        }
    }
}

/// @dev Pools that nobody settled for a year.
contract IdlePoolTest is EconomyTest {
    /// A transaction may have 16,777,216 (EIP-7825).
    uint256 private constant MOST_GAS = 2_000_000;

    function test_a_year_after_its_gpus_were_gone_a_pool_is_settled_in_eighteen_calls_and_left() public {
        serve(worker, provider, "h100", 8);
        uint256 mine = put(alice, provider, 1_000 * ONE);
        toEpoch(1, 0);
        renew(worker, "h100", 8);
        vm.warp(block.timestamp + 365 days);
        leavesAfter(18, mine);
    }

    function test_a_year_of_earnings_that_nobody_took_is_settled_in_eighteen_calls_to_the_unit() public {
        serve(worker, provider, "h100", 8);
        uint256 mine = put(alice, provider, 1_000 * ONE);
        uint256 due;
        for (uint256 i; i < 365; ++i) {
            toEpoch(i * 24, 0);
            fake.cover(worker, 1 days);
            fake.confirm(worker, "h100", 8, 1 days);
        }
        toEpoch(365 * 24, 0);
        for (uint256 epoch; epoch < 365 * 24; ++epoch) {
            (uint256 weight,) = emission.weightsOf(provider, epoch);
            vm.assertEq(weight, 80);
            due += emission.gpuBudgetOf(epoch);
        }
        uint256 before = emission.minted();
        leavesAfter(18, mine);
        stake.claimReward(provider, provider);
        stake.claimReward(provider, alice);
        // All stake's part of that year besides.
        uint256 forStake = emission.emitted() * 2 / 5;
        vm.assertLe(emission.minted() - before, due + forStake);
        vm.assertGe(emission.minted() - before + 1_000, due + forStake);
    }

    function leavesAfter(uint256 calls, uint256 shares) private {
        for (uint256 i = 1; i <= calls; ++i) {
            if (i < calls) {
                vm.prank(alice);
                vm.expectRevert(abi.encodeWithSelector(IStake.UnsettledEpochs.selector, provider));
                stake.requestExit(provider, shares);
            }
            bool done = stake.settle(provider);
            vm.assertLe(vm.lastCallGas().gasTotalUsed, MOST_GAS);
            vm.assertTrue(done == (i == calls));
        }
        vm.prank(alice);
        stake.requestExit(provider, shares);
    }
}
