// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeClaimRewardTest is EconomyTest {
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

    /// @dev Within some units: each settlement rounds down.
    function rewardIs(address account, uint256 amount) private view {
        (,, uint256 rewards) = stake.positionOf(provider, account);
        vm.assertGe(rewards + 10, amount);
        vm.assertLe(rewards, amount + 10);
    }
}
