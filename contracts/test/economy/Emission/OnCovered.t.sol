// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEmission} from "../../../src/interfaces/IEmission.sol";
import {Schedule} from "../../../src/libraries/Schedule.sol";
import {vm} from "../../Vm.sol";
import {EmissionStage} from "./EmissionStage.sol";

contract EmissionOnCoveredTest is EmissionStage {
    function test_gpus_share_an_hour_by_weight_and_half_goes_to_the_pool() public {
        serve(worker, provider, "h100", 3);
        serve(secondWorker, other, "b200", 5);
        toEpoch(0, 3_000);
        renew(worker, "h100", 3);
        renew(secondWorker, "b200", 5);
        (uint256 pool, uint256 total) = emission.weightsOf(provider, 0);
        vm.assertEq(pool, 30);
        vm.assertEq(total, 120);
        // Nothing is settled until the hour is over.
        vm.assertEq(emission.pendingOf(provider), 0);
        toEpoch(1, 0);
        vm.assertEq(emission.pendingOf(provider), BUDGET * 30 / 120);
        vm.assertEq(emission.pendingOf(other), BUDGET * 90 / 120);
        put(alice, provider, 3_750 * ONE);
        stake.settle(provider);
        vm.assertEq(emission.pendingOf(provider), 0);
        // Alice came when the hour was over: the pool's half of it is the provider's stake's.
        (,, uint256 alices) = stake.positionOf(provider, alice);
        vm.assertEq(alices, 0);
        (,, uint256 providers) = stake.positionOf(provider, provider);
        uint256 stakeReward = Schedule.forStake(1 hours) * 3_750 / (3_750 + 11_250);
        vm.assertLe(BUDGET * 30 / 120 + stakeReward - providers, 3);
        toEpoch(1, 1);
        renew(worker, "h100", 3);
        toEpoch(2, 0);
        stake.settle(provider);
        (,, alices) = stake.positionOf(provider, alice);
        // The other worker was covered up to this epoch's fiftieth minute only.
        uint256 second = Schedule.forStake(2 hours) - Schedule.forStake(1 hours);
        vm.assertLe(BUDGET / 4 + second * 3_750 / 18_750 - alices, 3);
    }

    function test_an_hour_with_a_gap_does_not_count() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 3_599);
        renew(worker, "h100", 1);
        // Coverage lasts up to 59:59 of the next hour, and begins anew a second later.
        toEpoch(2, 0);
        renew(worker, "h100", 1);
        toEpoch(2, 3_000);
        renew(worker, "h100", 1);
        counts(0, true);
        counts(1, false);
        counts(2, true);
        counts(3, false);
    }

    function test_gpus_that_nobody_vouches_for_do_not_count() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 3_000);
        fake.cover(worker, 1 hours);
        counts(0, true);
        toEpoch(1, 1_000);
        // The verdict had lapsed at the full hour; a new one comes late.
        renew(worker, "h100", 1);
        counts(1, false);
        toEpoch(2, 100);
        renew(worker, "h100", 1);
        counts(2, true);
    }

    function test_collateral_has_to_stand_before_the_hour_begins() public {
        put(provider, provider, 2_500 * ONE);
        renew(worker, "h100", 2);
        toEpoch(0, 1_800);
        vm.prank(provider);
        stake.syncCollateral(worker);
        renew(worker, "h100", 2);
        counts(0, false);
        toEpoch(1, 0);
        renew(worker, "h100", 2);
        counts(1, true);
        (uint256 pool,) = emission.weightsOf(provider, 1);
        vm.assertEq(pool, 20);
        // Other GPUs than those the collateral is for cost the hour.
        toEpoch(1, 10);
        renew(worker, "b200", 2);
        counts(1, false);
        vm.prank(provider);
        vm.expectRevert();
        stake.syncCollateral(worker);
        put(provider, provider, 2_000 * ONE);
        vm.prank(provider);
        stake.syncCollateral(worker);
        toEpoch(2, 0);
        renew(worker, "b200", 2);
        (pool,) = emission.weightsOf(provider, 2);
        vm.assertEq(pool, 36);
    }

    function test_a_pool_that_was_slashed_below_its_collateral_earns_nothing_until_it_is_filled() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 10);
        renew(worker, "h100", 1);
        counts(0, true);
        stake.slash(provider, 10 * ONE, address(0), 0, "proof");
        vm.assertTrue(emission.poolStandingOf(provider).unbacked);
        toEpoch(1, 0);
        renew(worker, "h100", 1);
        counts(0, true);
        counts(1, false);
        toEpoch(1, 60);
        put(provider, provider, 10 * ONE);
        renew(worker, "h100", 1);
        counts(1, false);
        toEpoch(2, 0);
        renew(worker, "h100", 1);
        counts(2, true);
    }

    function test_who_departs_before_the_hour_is_over_has_not_earned_it() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 10);
        renew(worker, "h100", 1);
        counts(0, true);
        toEpoch(0, 3_599);
        fake.depart(worker);
        counts(0, false);
        (, uint256 total) = emission.weightsOf(provider, 0);
        vm.assertEq(total, 0);
        toEpoch(1, 0);
        renew(worker, "h100", 1);
        toEpoch(2, 0);
        fake.depart(worker);
        counts(1, true);
        counts(2, false);
    }

    function test_a_longer_attestation_counts_all_its_hours_at_once_and_takes_them_back() public {
        put(provider, provider, 1_250 * ONE);
        fake.cover(worker, 1 days);
        fake.confirm(worker, "h100", 1, 1 days);
        vm.prank(provider);
        stake.syncCollateral(worker);
        for (uint256 epoch; epoch < 24; ++epoch) {
            counts(epoch, true);
        }
        counts(24, false);
        toEpoch(10, 1);
        fake.depart(worker);
        counts(9, true);
        for (uint256 epoch = 10; epoch < 24; ++epoch) {
            counts(epoch, false);
        }
        toEpoch(10, 2);
        fake.cover(worker, 1 days);
        counts(10, false);
        counts(11, true);
        counts(23, true);
    }

    function test_only_workers_tell_of_coverage_and_only_stake_settles() public {
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotWorkers.selector, address(this)));
        emission.onCovered(worker, provider, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotWorkers.selector, address(this)));
        emission.onCoverageEnded(worker, provider);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotStake.selector, address(this)));
        emission.settle(provider);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotStake.selector, address(this)));
        emission.pay(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotStake.selector, address(this)));
        emission.setBacked(provider, true);
        vm.prank(address(stake));
        vm.expectRevert(abi.encodeWithSelector(IEmission.OverSchedule.selector, 1, 0));
        emission.pay(alice, 1);
    }

    function counts(uint256 epoch, bool expected) private view {
        (uint256 pool,) = emission.weightsOf(provider, epoch);
        vm.assertTrue((pool != 0) == expected);
    }
}
