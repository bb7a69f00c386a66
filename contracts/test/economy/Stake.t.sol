// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../src/interfaces/Errors.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {SlashRoom} from "../../src/libraries/SlashRoom.sol";
import {vm} from "../Vm.sol";
import {EconomyTest} from "../stages/Economy.sol";

contract StakeTest is EconomyTest {
    function test_stake_comes_back_whole_after_three_weeks_and_no_sooner() public {
        put(provider, provider, 100 * ONE);
        uint256 shares = put(alice, provider, 50 * ONE);
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, shares);
        vm.assertEq(stake.exitWorth(id), 50 * ONE);
        vm.warp(block.timestamp + 21 days - 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotReady.selector, id, block.timestamp + 1));
        stake.withdraw(id);
        vm.warp(block.timestamp + 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotYourExit.selector, id));
        stake.withdraw(id);
        vm.prank(alice);
        stake.withdraw(id);
        vm.assertEq(token.balanceOf(alice), 1_000_000 * ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotYourExit.selector, id));
        stake.withdraw(id);
    }

    function test_an_exit_can_be_cancelled_and_costs_what_was_slashed() public {
        put(provider, provider, 100 * ONE);
        uint256 shares = put(alice, provider, 50 * ONE);
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, shares);
        stake.slash(provider, 15 * ONE, bob, 2_000, "proof");
        vm.assertEq(token.balanceOf(bob), 1_000_003 * ONE);
        vm.assertEq(token.balanceOf(treasury), 12 * ONE);
        vm.assertEq(stake.exitWorth(id), 45 * ONE);
        vm.prank(alice);
        stake.cancelExit(id);
        (, uint256 worth,) = stake.positionOf(provider, alice);
        vm.assertGe(worth, 45 * ONE - 1);
        vm.assertLe(worth, 45 * ONE);
    }

    function test_a_slash_takes_a_tenth_at_the_most_of_one_pool_alone() public {
        put(provider, provider, 100 * ONE);
        put(other, other, 100 * ONE);
        (, uint256 before,) = stake.positionOf(other, other);
        vm.expectRevert(
            abi.encodeWithSelector(SlashRoom.SlashedEnough.selector, provider, 10 * ONE + 1, 10 * ONE)
        );
        stake.slash(provider, 10 * ONE + 1, address(0), 0, "proof");
        vm.assertEq(stake.slash(provider, 10 * ONE, address(0), 0, "proof"), 10 * ONE);
        (, uint256 worth,) = stake.positionOf(provider, provider);
        vm.assertEq(worth, 90 * ONE);
        (, uint256 after_,) = stake.positionOf(other, other);
        vm.assertEq(after_, before);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotSlasher.selector, alice));
        stake.slash(provider, 1, alice, 0, "proof");
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 2_001, 0, 2_000));
        stake.slash(provider, 1, alice, 2_001, "proof");
    }

    function test_nobody_gains_by_reporting_itself() public {
        // A tenth of the pool is its provider's, the least there may be.
        put(provider, provider, 100 * ONE);
        uint256 shares = put(alice, provider, 900 * ONE);
        uint256 before = token.balanceOf(bob);
        // Of 30 CLOI the provider loses 3, so that whoever reports gets 1.5 at the most, whatever a fifth of
        // it would be.
        stake.slash(provider, 30 * ONE, bob, 2_000, "proof");
        vm.assertLe(token.balanceOf(bob) - before, 1.5e18);
        vm.assertGe(token.balanceOf(bob) - before, 1.5e18 - 1e6);
        // However much others have leaving, and although all of the provider's own is on its way out.
        vm.prank(alice);
        stake.requestExit(provider, shares);
        (shares,,) = stake.positionOf(provider, provider);
        vm.prank(provider);
        uint256 id = stake.requestExit(provider, shares);
        uint256 worth = stake.exitWorth(id);
        before = token.balanceOf(bob);
        stake.slash(provider, 30 * ONE, bob, 2_000, "proof");
        uint256 lost = worth - stake.exitWorth(id);
        vm.assertLe(token.balanceOf(bob) - before, lost / 2);
        vm.assertGe(token.balanceOf(bob) - before, lost / 2 - 1e6);
        // Once the provider has left nothing is to be had.
        vm.warp(block.timestamp + 21 days);
        vm.prank(provider);
        stake.withdraw(id);
        vm.assertEq(stake.ownExitShares(provider), 0);
        before = token.balanceOf(bob);
        stake.slash(provider, 30 * ONE, bob, 2_000, "proof");
        vm.assertEq(token.balanceOf(bob), before);
    }

    function testFuzz_a_reporter_gets_half_of_what_the_provider_loses_at_the_most(
        uint96 own,
        uint96 others,
        uint96 leaving,
        uint96 amount,
        uint16 bps
    ) public {
        own = uint96(own % (100_000 * ONE) + ONE);
        put(provider, provider, own);
        others = uint96(others % (uint256(own) * 9)) + 1;
        try this.putFor(alice, others) {} catch {}
        (uint256 shares,,) = stake.positionOf(provider, alice);
        vm.prank(alice);
        if (shares != 0) try stake.requestExit(provider, uint256(leaving) % shares + 1) {} catch {}
        (, uint256 worth,) = stake.positionOf(provider, provider);
        uint256 before = token.balanceOf(bob);
        try stake.slash(provider, amount, bob, bps % 2_001, "proof") returns (uint256 taken) {
            (, uint256 left,) = stake.positionOf(provider, provider);
            vm.assertLe((token.balanceOf(bob) - before) * 2, worth - left);
            vm.assertLe(token.balanceOf(bob) - before, taken * (bps % 2_001) / 10_000);
        } catch {}
    }

    function putFor(address account, uint256 amount) external {
        put(account, provider, amount);
    }

    function test_a_provider_has_its_part_first_and_last() public {
        vm.prank(alice);
        vm.expectRevert();
        stake.delegate(provider, ONE);
        uint256 own = put(provider, provider, 10 * ONE);
        put(alice, provider, 90 * ONE);
        vm.prank(bob);
        vm.expectRevert();
        stake.delegate(provider, ONE);
        vm.prank(provider);
        vm.expectRevert();
        stake.requestExit(provider, own / 2);
        (uint256 shares,,) = stake.positionOf(provider, alice);
        vm.prank(alice);
        stake.requestExit(provider, shares);
        vm.prank(provider);
        stake.requestExit(provider, own);
        vm.assertEq(stake.poolOf(provider).assets, 0);
    }

    function test_redelegation_needs_no_waiting_and_happens_once_per_waiting_time() public {
        put(provider, provider, 100 * ONE);
        put(other, other, 100 * ONE);
        uint256 shares = put(alice, provider, 50 * ONE);
        vm.prank(alice);
        uint256 moved = stake.redelegate(provider, other, shares);
        (, uint256 worth,) = stake.positionOf(other, alice);
        vm.assertEq(worth, 50 * ONE);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IStake.RedelegatedRecently.selector, block.timestamp + 21 days)
        );
        stake.redelegate(other, provider, moved);
        vm.warp(block.timestamp + 21 days);
        vm.prank(alice);
        stake.redelegate(other, provider, moved);
        vm.prank(alice);
        vm.expectRevert(IStake.SamePool.selector);
        stake.redelegate(provider, provider, 1);
        // A provider's own stake answers for what it did.
        vm.prank(provider);
        vm.expectRevert(IStake.ProviderStays.selector);
        stake.redelegate(provider, other, 1);
    }

    function test_rewards_go_by_amount_and_second_after_commission_and_not_to_those_who_leave() public {
        put(provider, provider, 100 * ONE);
        put(alice, provider, 100 * ONE);
        put(other, other, 200 * ONE);
        vm.prank(provider);
        stake.setCommission(1_000);
        vm.assertEq(stake.commissionOf(provider), 0);
        // Half of what all stake earns in a week, whose second half isn't alice's.
        uint256 week = 175_000_000 * ONE / 180 * 7 * 2 / 5;
        vm.warp(START + 7 days);
        stake.settle(provider);
        rewardIs(alice, week / 4);
        rewardIs(provider, week / 4);
        // From the first settlement after its date on, never before, the higher commission holds.
        vm.assertEq(stake.commissionOf(provider), 1_000);
        vm.warp(START + 14 days);
        stake.settle(provider);
        rewardIs(alice, week / 4 + week / 4 * 9 / 10);
        rewardIs(provider, week / 4 + week / 4 * 11 / 10);
        (uint256 shares,,) = stake.positionOf(provider, alice);
        vm.prank(alice);
        stake.requestExit(provider, shares);
        (,, uint256 before) = stake.positionOf(provider, alice);
        vm.warp(START + 15 days);
        vm.prank(bob);
        vm.assertEq(stake.claimReward(provider, alice), before);
        vm.assertEq(token.balanceOf(alice), 999_900 * ONE + before);
        vm.assertEq(stake.claimReward(provider, alice), 0);
        // A lower commission holds at once.
        vm.prank(provider);
        stake.setCommission(0);
        vm.assertEq(stake.commissionOf(provider), 0);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 5_001, 0, 5_000));
        stake.setCommission(5_001);
    }

    function test_what_nobody_stakes_for_goes_to_the_treasury() public {
        vm.warp(START + 1 days);
        put(provider, provider, 10 * ONE);
        uint256 day = 175_000_000 * ONE / 180 * 2 / 5;
        vm.assertEq(stake.unearned(), day);
        vm.assertEq(stake.collectUnearned(), day);
        vm.assertEq(token.balanceOf(treasury), day);
        vm.expectRevert(Errors.ZeroAmount.selector);
        stake.collectUnearned();
    }

    function test_claims_for_others_go_to_them_many_at_once() public {
        put(provider, provider, 100 * ONE);
        put(alice, provider, 100 * ONE);
        put(other, other, 200 * ONE);
        put(alice, other, 200 * ONE);
        vm.warp(START + 1 days);
        address[] memory pools = new address[](3);
        (pools[0], pools[1], pools[2]) = (provider, other, other);
        address[] memory accounts = new address[](3);
        (accounts[0], accounts[1], accounts[2]) = (alice, alice, other);
        uint256 alices = token.balanceOf(alice);
        vm.prank(bob);
        uint256 amount = stake.claimRewards(pools, accounts);
        uint256 day = 175_000_000 * ONE / 180 * 2 / 5;
        vm.assertLe(day * 5 / 6 - amount, 10);
        vm.assertLe(day / 2 - (token.balanceOf(alice) - alices), 10);
        vm.expectRevert(abi.encodeWithSelector(Errors.LengthsDiffer.selector, 3, 0));
        stake.claimRewards(pools, new address[](0));
    }

    function test_collateral_of_gpus_in_service_can_not_leave() public {
        uint256 shares = put(provider, provider, 2_600 * ONE);
        renew(worker, "h100", 2);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, alice));
        stake.syncCollateral(worker);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownWorker.selector, alice));
        stake.syncCollateral(alice);
        vm.prank(provider);
        stake.syncCollateral(worker);
        vm.snapshotGasLastCall("Gas", "syncCollateral");
        vm.assertEq(stake.poolOf(provider).locked, 2_500 * ONE);
        vm.prank(provider);
        vm.expectRevert();
        stake.requestExit(provider, shares / 10);
        fake.confirm(worker, "h100", 3, 1 hours);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IStake.CollateralLocked.selector, 2_600 * ONE, 3_750 * ONE));
        stake.syncCollateral(worker);
        // Nobody vouches for them any more: a day later anybody lets go of it.
        vm.warp(START + 1 hours + 1 days - 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, alice));
        stake.syncCollateral(worker);
        vm.warp(START + 1 hours + 1 days);
        vm.prank(alice);
        stake.syncCollateral(worker);
        vm.prank(provider);
        stake.requestExit(provider, shares);
    }

    function test_what_gpus_need_changes_in_three_weeks_and_more_can_be_locked_at_once() public {
        put(provider, provider, 4_000 * ONE);
        renew(worker, "h100", 2);
        vm.prank(provider);
        stake.syncCollateral(worker);
        stake.setCollateralPerGpu("h100", 1_500 * ONE);
        vm.warp(START + 22 days - 1);
        vm.assertEq(stake.collateralPerGpu("h100"), 1_250 * ONE);
        vm.assertTrue(stake.isCollateralised(worker, "h100", 2));
        vm.warp(START + 22 days);
        vm.assertEq(stake.collateralPerGpu("h100"), 1_500 * ONE);
        vm.assertTrue(!stake.isCollateralised(worker, "h100", 2));
        renew(worker, "h100", 2);
        vm.prank(provider);
        stake.syncCollateral(worker);
        vm.assertTrue(stake.isCollateralised(worker, "h100", 2));
        // Less lets others earn, so it waits as well; then what is too much can be had back.
        stake.setCollateralPerGpu("h100", 1);
        vm.warp(block.timestamp + 22 days - 1);
        vm.assertEq(stake.collateralPerGpu("h100"), 1_500 * ONE);
        renew(worker, "h100", 2);
        vm.warp(block.timestamp + 1);
        vm.prank(provider);
        stake.syncCollateral(worker);
        vm.assertEq(stake.lockedFor(worker), 2);
        // So does a class that nothing was asked for.
        stake.setCollateralPerGpu("b300", 1);
        vm.assertEq(stake.collateralPerGpu("b300"), 0);
        vm.prank(alice);
        vm.expectRevert();
        stake.setCollateralPerGpu("h100", 1);
    }

    /// @dev Whoever comes first and gives to the pool, by hand or as a reward, loses; who comes after loses
    /// nothing.
    function testFuzz_the_first_delegator_gains_nothing_by_donating(
        uint96 first,
        uint96 donation,
        uint96 victim
    ) public {
        uint256 a = uint256(first) % (1_000 * ONE) + 1;
        uint256 gift = uint256(donation) % (100_000 * ONE);
        uint256 v = uint256(victim) % (1_000 * ONE) + 1;
        uint256 attackers = put(provider, provider, a);
        vm.prank(provider);
        token.transfer(address(stake), gift);
        vm.prank(alice);
        try stake.delegate(provider, v) returns (uint256) {}
        catch {
            return;
        }
        (, uint256 worth,) = stake.positionOf(provider, alice);
        vm.assertGe(worth + 1, v, "who comes after loses a unit at the most");
        vm.assertLe(worth, v);
        (, uint256 attackersWorth,) = stake.positionOf(provider, provider);
        vm.assertLe(attackersWorth, a, "the first gains nothing");
        vm.assertTrue(attackers > 0);
    }

    /// @dev Within some units: each settlement rounds down.
    function rewardIs(address account, uint256 amount) private view {
        (,, uint256 rewards) = stake.positionOf(provider, account);
        vm.assertGe(rewards + 10, amount);
        vm.assertLe(rewards, amount + 10);
    }
}
