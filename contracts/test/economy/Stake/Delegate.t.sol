// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeDelegateTest is EconomyTest {
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
}
