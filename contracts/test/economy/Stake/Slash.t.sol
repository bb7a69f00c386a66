// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IStake} from "../../../src/interfaces/IStake.sol";
import {SlashRoom} from "../../../src/libraries/SlashRoom.sol";
import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeSlashTest is EconomyTest {
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
}
