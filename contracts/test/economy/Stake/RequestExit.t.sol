// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IStake} from "../../../src/interfaces/IStake.sol";
import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeRequestExitTest is EconomyTest {
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
}
