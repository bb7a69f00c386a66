// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEmission} from "../../src/interfaces/IEmission.sol";
import {IPower} from "../../src/interfaces/IPower.sol";
import {vm} from "../Vm.sol";
import {BallotBoxTest} from "../stages/BallotBox.sol";

contract PowerTest is BallotBoxTest {
    function test_only_stake_tells_and_only_of_what_is_over_is_known() public {
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotStake.selector, address(this)));
        power.note(provider, alice, 1, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IPower.NotOverYet.selector, block.timestamp, block.timestamp));
        power.stakeAt(provider, alice, block.timestamp);
    }

    function test_every_second_is_known_for_good() public {
        uint256 begun = block.timestamp;
        uint256[8] memory amounts = [uint256(5), 3, 9, 1, 1, 7, 2, 4];
        put(other, other, 100 * ONE);
        uint256 sum;
        for (uint256 i; i < amounts.length; ++i) {
            vm.warp(begun + 10 * (i + 1));
            // Two changes in a second are one.
            put(alice, other, amounts[i] * ONE - 1);
            put(alice, other, 1);
        }
        vm.warp(begun + 1_000);
        for (uint256 i; i < amounts.length; ++i) {
            uint256 at = begun + 10 * (i + 1);
            vm.assertEq(power.stakeAt(other, alice, at - 1), sum);
            sum += amounts[i] * ONE;
            vm.assertEq(power.stakeAt(other, alice, at), sum);
            vm.assertEq(power.stakeAt(other, alice, at + 9), sum);
            vm.assertEq(power.poolAssetsAt(other, at), sum + 100 * ONE);
        }
    }

    function test_the_total_is_of_the_last_second() public {
        uint256 before = power.totalBefore();
        vm.assertEq(before, 180_000 * ONE);
        put(other, other, 7 * ONE);
        put(other, other, 7 * ONE);
        vm.assertEq(power.totalBefore(), before);
        vm.warp(block.timestamp + 1);
        vm.assertEq(power.totalBefore(), before + 14 * ONE);
        stake.slash(other, ONE, address(0), 0, "proof");
        vm.warp(block.timestamp + 1);
        vm.assertEq(power.totalBefore(), before + 13 * ONE);
        vm.assertEq(power.totalBefore(), stake.totals().active);
    }

    function test_an_account_knows_the_pools_it_was_in_and_what_leaves_has_no_vote() public {
        put(other, other, 100 * ONE);
        put(alice, other, 10 * ONE);
        uint256 mine = put(alice, vm.addr(PROVIDER), 5 * ONE);
        put(alice, other, 10 * ONE);
        vm.assertEq(power.poolCount(alice), 2);
        vm.assertEq(power.poolAt(alice, 0), other);
        vm.assertEq(power.poolAt(alice, 1), vm.addr(PROVIDER));
        vm.warp(block.timestamp + 10);
        vm.prank(alice);
        stake.requestExit(vm.addr(PROVIDER), mine);
        vm.warp(block.timestamp + 1);
        (address pool, uint256 worth) = power.stakeOf(alice, 1, block.timestamp - 1);
        vm.assertEq(pool, vm.addr(PROVIDER));
        vm.assertEq(worth, 0);
        (, worth) = power.stakeOf(alice, 1, block.timestamp - 2);
        vm.assertEq(worth, 5 * ONE);
        (pool, worth) = power.stakeOf(alice, 2, block.timestamp - 1);
        vm.assertEq(pool, address(0));
    }

    function test_the_token_counts_what_is_registered() public {
        uint256 registered = token.getPastTotalSupply(block.timestamp - 1);
        vm.assertEq(registered, 250_000 * ONE);
        vm.prank(vm.addr(HOLDER));
        token.transfer(alice, 50_000 * ONE);
        vm.prank(proposer);
        token.transfer(vm.addr(HOLDER), 1_000 * ONE);
        vm.prank(proposer);
        token.delegate(address(0));
        vm.warp(block.timestamp + 1);
        vm.assertEq(token.getPastTotalSupply(block.timestamp - 1), 151_000 * ONE);
        vm.assertEq(token.getPastTotalSupply(block.timestamp - 2), registered);
        vm.assertEq(keccak256(bytes(token.CLOCK_MODE())), keccak256("mode=timestamp"));
    }
}
