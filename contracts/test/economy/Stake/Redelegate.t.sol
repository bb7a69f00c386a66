// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IStake} from "../../../src/interfaces/IStake.sol";
import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeRedelegateTest is EconomyTest {
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
}
