// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Stake} from "../../src/economy/Stake.sol";
import {Power} from "../../src/governance/Power.sol";
import {IRewarder} from "../../src/interfaces/IRewarder.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {Workers} from "../../src/market/Workers.sol";
import {vm} from "../Vm.sol";
import {EconomyTest} from "../stages/Economy.sol";

/// @dev Pays nobody, and reckons nothing while it is broken.
contract BreakableRewarder is IRewarder {
    bool private _isBroken;

    function breakDown(bool broken) external {
        _isBroken = broken;
    }

    function settle(address) external view returns (uint256, bool) {
        require(!_isBroken, "broken");
        return (0, true);
    }

    function pay(address, uint256) external {}
    function weigh(address) external {}
    function setBacked(address, bool) external {}
}

/// @dev Delegators get out of every pool, whatever its provider, its collateral, slashes or emission do.
contract LeavingTest is EconomyTest {
    function test_delegators_leave_a_pool_that_is_all_collateral_and_its_gpus_stop_earning() public {
        put(provider, provider, 5_000 * ONE);
        uint256 mine = put(alice, provider, 5_000 * ONE);
        renew(worker, "h100", 8);
        vm.prank(provider);
        stake.syncCollateral(worker);
        vm.assertEq(stake.poolOf(provider).locked, 10_000 * ONE);
        // The provider's own stake is held, by a unit as by all of it.
        uint256 own = sharesOf(provider);
        vm.prank(provider);
        vm.expectRevert(
            abi.encodeWithSelector(IStake.CollateralLocked.selector, 10_000 * ONE - 1, 10_000 * ONE)
        );
        stake.requestExit(provider, 1_100_000);
        toEpoch(1, 0);
        renew(worker, "h100", 8);
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, mine / 2);
        vm.assertTrue(emission.poolStandingOf(provider).unbacked);
        put(other, other, 5_000 * ONE);
        vm.prank(alice);
        stake.redelegate(provider, other, mine / 2);
        toEpoch(2, 0);
        renew(worker, "h100", 8);
        (uint256 pool,) = emission.weightsOf(provider, 2);
        vm.assertEq(pool, 0);
        // It is held on, though others have left: what is there has to fill up first, or be let go of.
        vm.prank(provider);
        vm.expectRevert();
        stake.requestExit(provider, own / 10);
        // Whoever comes back makes it earn again, from the next hour on.
        vm.prank(alice);
        stake.cancelExit(id);
        put(provider, provider, 2_500 * ONE + 10);
        vm.assertTrue(!emission.poolStandingOf(provider).unbacked);
        toEpoch(3, 0);
        renew(worker, "h100", 8);
        (pool,) = emission.weightsOf(provider, 3);
        vm.assertEq(pool, 80);
    }

    function test_a_provider_holds_nobody_for_a_day_of_a_year() public {
        put(provider, provider, 5_000 * ONE);
        uint256 mine = put(alice, provider, 5_000 * ONE);
        renew(worker, "h100", 8);
        vm.prank(provider);
        stake.syncCollateral(worker);
        for (uint256 day; day < 50; ++day) {
            vm.warp(block.timestamp + 1 days);
            renew(worker, "h100", 8);
            stake.settle(provider);
            vm.prank(alice);
            stake.requestExit(provider, mine / 50);
        }
        vm.assertEq(sharesOf(alice), 0);
    }

    function test_a_slash_locks_nobody_in() public {
        put(provider, provider, 1_300 * ONE);
        uint256 mine = put(alice, provider, 10 * ONE);
        renew(worker, "h100", 1);
        vm.prank(provider);
        stake.syncCollateral(worker);
        stake.slash(provider, 100 * ONE, address(0), 0, "proof");
        vm.prank(alice);
        stake.requestExit(provider, mine);
        vm.assertEq(sharesOf(alice), 0);
    }

    function test_stake_leaves_and_answers_although_rewards_can_not_be_reckoned() public {
        BreakableRewarder rewarder = new BreakableRewarder();
        Power power = new Power(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1));
        stake = new Stake(
            address(this),
            IStake.Parts(token, Workers(address(fake)), rewarder, power, address(this), treasury, START),
            new IStake.ClassCollateral[](0)
        );
        address[2] memory accounts = [provider, alice];
        for (uint256 i; i < 2; ++i) {
            vm.prank(accounts[i]);
            token.approve(address(stake), type(uint256).max);
        }
        put(provider, provider, 100 * ONE);
        uint256 mine = put(alice, provider, 100 * ONE);
        vm.warp(block.timestamp + 1 hours);
        rewarder.breakDown(true);
        vm.expectRevert("broken");
        stake.settle(provider);
        vm.assertEq(stake.slash(provider, 20 * ONE, address(0), 0, "proof"), 20 * ONE);
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, mine);
        vm.warp(block.timestamp + 21 days);
        vm.prank(alice);
        stake.withdraw(id);
        vm.assertEq(token.balanceOf(alice), 999_990 * ONE);
    }

    function test_the_commission_that_is_shown_is_what_the_next_delegator_pays() public {
        put(provider, provider, 1_000 * ONE);
        vm.prank(provider);
        stake.setCommission(5_000);
        vm.warp(block.timestamp + 7 days - 1);
        vm.assertEq(stake.commissionOf(provider), 0);
        vm.warp(block.timestamp + 1);
        // Nobody settled since, and it is due.
        vm.assertEq(stake.commissionOf(provider), 5_000);
        put(alice, provider, 1_000 * ONE);
        vm.assertEq(stake.commissionOf(provider), 5_000);
    }

    /// @dev What decision 18 says: an hour's GPU rewards are shared by who is there when it is settled, so
    /// that the most that somebody gains by coming late is one hour's, for 21 days without any.
    function test_an_hours_gpu_rewards_are_shared_by_who_is_there_when_it_ends() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 3_000);
        renew(worker, "h100", 1);
        toEpoch(0, 3_599);
        uint256 mine = put(alice, provider, 11_250 * ONE);
        toEpoch(1, 0);
        stake.settle(provider);
        (,, uint256 rewards) = stake.positionOf(provider, alice);
        uint256 oneSecond = uint256(175_000_000) * ONE * 2 / 5 / 180 days;
        vm.assertLe(rewards, emission.gpuBudgetOf(0) / 2 * 9 / 10 + oneSecond);
        vm.prank(alice);
        stake.requestExit(provider, mine);
        toEpoch(2, 0);
        stake.settle(provider);
        (,, uint256 later) = stake.positionOf(provider, alice);
        vm.assertEq(later, rewards);
    }

    function sharesOf(address account) private view returns (uint256 shares) {
        (shares,,) = stake.positionOf(provider, account);
    }
}
