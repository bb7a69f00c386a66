// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEmission} from "../../src/interfaces/IEmission.sol";
import {vm} from "../Vm.sol";
import {EconomyTest, change} from "../stages/Economy.sol";
import {StakedNetwork} from "../stages/StakedNetwork.sol";

/// @dev A pool whose shares are all gone and in which rounding left units behind that go on earning.
contract EmptiedPoolTest is StakedNetwork {
    address private alice = address(0xA11);

    function setUp() public override {
        super.setUp();
        fund(provider, POOL);
        fund(alice, POOL);
        // Everybody else's stake.
        fund(owners[0], 2_000_000e18);
        delegate(owners[0], owners[0], 2_000_000e18);
        attest();
    }

    function test_exiting_stake_of_an_emptied_pool_is_slashed_by_proof_and_by_governance() public {
        delegate(provider, provider, POOL);
        // A hair under two units is worth one; the other stays behind. Then the rest.
        leave(provider, 1_999_999);
        leave(provider, shares(provider));
        vm.assertEq(stake.poolOf(provider).shares, 0);
        vm.assertEq(stake.poolOf(provider).assets, 1);
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 500, "a week's notice");
        // The unit has earned another one after 5.2 days.
        vm.warp(block.timestamp + 7 days);
        attest();
        stake.settle(provider);
        vm.assertGe(stake.poolOf(provider).providerOwed, 1);
        vm.assertEq(contradict(1), POOL / 20);
        vm.assertEq(slashing.execute(id), (POOL - POOL / 20) / 20);
        vm.warp(block.timestamp + 14 days);
        vm.prank(provider);
        stake.withdraw(2);
        vm.assertLe(token.balanceOf(provider), POOL * 91 / 100);
    }

    function test_twenty_units_of_dust_change_nothing() public {
        delegate(provider, provider, POOL);
        leave(provider, 1_999_999);
        leave(provider, shares(provider));
        fund(provider, 1e18);
        for (uint256 i; i < 20; ++i) {
            delegate(provider, provider, stake.poolOf(provider).assets + 2);
            (uint256 s, uint256 a) = (stake.poolOf(provider).shares, stake.poolOf(provider).assets);
            uint256 worth = s * (a + 1) / (s + 1e6);
            leave(provider, (worth * (s + 1e6) - 1) / (a + 1));
        }
        delegate(provider, provider, stake.poolOf(provider).assets + 2);
        leave(provider, shares(provider));
        vm.assertEq(stake.poolOf(provider).shares, 0);
        vm.assertGe(stake.poolOf(provider).assets, 20);
        vm.warp(block.timestamp + 7 hours);
        vm.assertGe(contradict(1), POOL / 20);
    }

    function test_what_nobody_claimed_before_all_left_is_still_theirs_and_the_pool_can_be_filled_again()
        public
    {
        delegate(provider, provider, 1_000e18);
        vm.prank(alice);
        stake.delegate(provider, 5_000e18);
        vm.warp(block.timestamp + 10 days);
        leave(alice, shares(alice) / 3);
        leave(alice, shares(alice));
        leave(provider, shares(provider));
        vm.assertEq(stake.poolOf(provider).shares, 0);
        vm.assertEq(stake.poolOf(provider).assets, 1);
        (,, uint256 rewards) = stake.positionOf(provider, alice);
        vm.assertGe(rewards, 5_000e18);
        vm.warp(block.timestamp + 6 days);
        uint256 before = token.balanceOf(alice);
        stake.claimReward(provider, alice);
        vm.assertEq(token.balanceOf(alice) - before, rewards);
        fund(provider, 1_000e18);
        delegate(provider, provider, 1_000e18);
        vm.prank(alice);
        stake.cancelExit(1);
        vm.assertGe(shares(alice), 1);
    }

    function leave(address account, uint256 amount) private returns (uint256) {
        vm.prank(account);
        return stake.requestExit(provider, amount);
    }

    function shares(address account) private view returns (uint256 s) {
        (s,,) = stake.positionOf(provider, account);
    }
}

/// @dev Pools of next to nothing that earn by GPUs all the same.
contract SmallPoolTest is EconomyTest {
    function test_a_class_that_nothing_is_asked_for_does_not_count() public {
        change(address(this), emission, abi.encodeCall(IEmission.setClassWeight, ("b300", 20)));
        renew(worker, "b300", 8);
        uint256 epoch = emission.epochAt(block.timestamp) + 1;
        toEpoch(epoch, 0);
        renew(worker, "b300", 8);
        (uint256 pool,) = emission.weightsOf(provider, epoch);
        vm.assertEq(pool, 0);
        vm.assertTrue(!stake.isCollateralised(worker, "b300", 8));
    }

    function test_a_class_is_taken_out_after_three_weeks() public {
        serve(worker, provider, "h100", 1);
        stake.setCollateralPerGpu("h100", 0);
        vm.warp(block.timestamp + 22 days - 1);
        vm.assertTrue(stake.isCollateralised(worker, "h100", 1));
        vm.warp(block.timestamp + 1);
        vm.assertTrue(!stake.isCollateralised(worker, "h100", 1));
    }

    /// @dev A collateral of a unit is as little as there may be. Whatever the pool has, settling never
    /// overflows.
    function testFuzz_a_pool_of_some_units_that_earns_by_gpus_is_settled_claimed_and_slashed(uint96 amount)
        public
    {
        stake.setCollateralPerGpu("b300", 1);
        // Passes as many days as collateral takes to change.
        change(address(this), emission, abi.encodeCall(IEmission.setClassWeight, ("b300", 20)));
        uint256 begun = emission.epochAt(block.timestamp) + 1;
        uint256 own = uint256(amount) % 1e15 + 8;
        put(provider, provider, own);
        for (uint256 epoch = begun; epoch < begun + 3; ++epoch) {
            toEpoch(epoch, 0);
            renew(worker, "b300", 8);
            vm.prank(provider);
            stake.syncCollateral(worker);
        }
        stake.settle(provider);
        uint256 budgets = emission.gpuBudgetOf(begun) + emission.gpuBudgetOf(begun + 1);
        uint256 claimed = stake.claimReward(provider, provider);
        vm.assertLe(claimed, budgets);
        vm.assertGe(claimed * 1_000_001, budgets * 1_000_000);
        if (own >= 10) stake.slash(provider, own / 10, address(0), 0, "proof");
    }
}
