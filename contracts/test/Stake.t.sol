// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Stake} from "../src/Stake.sol";
import {Token} from "../src/Token.sol";
import {Workers} from "../src/Workers.sol";
import {vm} from "./Vm.sol";

/// @dev Stands for Workers where only GPUs and providers matter.
contract FakeWorkers {
    mapping(address worker => address) public provider;
    mapping(address worker => bytes32) public class;
    mapping(address worker => uint256) public count;

    function set(address worker, address provider_, bytes32 class_, uint256 count_) external {
        (provider[worker], class[worker], count[worker]) = (provider_, class_, count_);
    }

    function workerOf(address worker) external view returns (Workers.Worker memory w) {
        w.provider = provider[worker];
    }

    function gpusOf(address worker) external view returns (bytes32, uint256) {
        return (class[worker], count[worker]);
    }
}

contract StakeTest {
    bool public constant IS_TEST = true;

    Token private token;
    Stake private stake;
    FakeWorkers private fake;
    address private provider = address(0xA);
    address private other = address(0xB);
    address private alice = address(0xC);
    address private bob = address(0xD);
    address private treasury = address(0x7EA);
    uint256 private constant ONE = 1e18;

    function setUp() public {
        vm.warp(1_750_000_000);
        token = new Token(address(this));
        token.grantRole(token.MINTER(), address(this));
        fake = new FakeWorkers();
        stake = new Stake(address(this), token, Workers(address(fake)), treasury);
        stake.setRoles(address(this), address(this));
        stake.setCollateralPerGpu("h100", 1_250 * ONE);
        token.approve(address(stake), type(uint256).max);
        token.mint(address(this), 1_000_000 * ONE);
        address[4] memory accounts = [provider, other, alice, bob];
        for (uint256 i; i < 4; ++i) {
            token.mint(accounts[i], 1_000_000 * ONE);
            vm.prank(accounts[i]);
            token.approve(address(stake), type(uint256).max);
        }
    }

    function test_stake_comes_back_whole_after_three_weeks_and_no_sooner() public {
        put(provider, provider, 100 * ONE);
        uint256 shares = put(alice, provider, 50 * ONE);
        vm.snapshotGasLastCall("Gas", "delegate");
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, shares);
        vm.assertEq(stake.exitWorth(id), 50 * ONE);
        vm.warp(block.timestamp + 21 days - 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotReady.selector, id, block.timestamp + 1));
        stake.withdraw(id);
        vm.warp(block.timestamp + 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotYourExit.selector, id));
        stake.withdraw(id);
        vm.prank(alice);
        stake.withdraw(id);
        vm.assertEq(token.balanceOf(alice), 1_000_000 * ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotYourExit.selector, id));
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
        vm.assertEq(stake.slash(provider, 1_000 * ONE, address(0), 0, "proof"), 10 * ONE);
        (, uint256 worth,) = stake.positionOf(provider, provider);
        vm.assertEq(worth, 90 * ONE);
        (, uint256 after_,) = stake.positionOf(other, other);
        vm.assertEq(after_, before);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotSlasher.selector, alice));
        stake.slash(provider, 1, alice, 0, "proof");
        vm.expectRevert(abi.encodeWithSelector(Stake.OutOfBounds.selector, 2_001, 0, 2_000));
        stake.slash(provider, 1, alice, 2_001, "proof");
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
        vm.expectRevert(abi.encodeWithSelector(Stake.RedelegatedRecently.selector, block.timestamp + 21 days));
        stake.redelegate(other, provider, moved);
        vm.warp(block.timestamp + 21 days);
        vm.prank(alice);
        stake.redelegate(other, provider, moved);
        vm.prank(alice);
        vm.expectRevert(Stake.SamePool.selector);
        stake.redelegate(provider, provider, 1);
    }

    function test_rewards_go_by_shares_after_commission_and_not_to_those_who_leave() public {
        put(provider, provider, 100 * ONE);
        put(alice, provider, 100 * ONE);
        vm.prank(provider);
        stake.setCommission(1_000);
        vm.assertEq(stake.commissionOf(provider), 0);
        stake.reward(provider, 20 * ONE);
        rewardIs(alice, 10 * ONE);
        rewardIs(provider, 10 * ONE);
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(stake.commissionOf(provider), 1_000);
        stake.reward(provider, 20 * ONE);
        rewardIs(alice, 19 * ONE);
        rewardIs(provider, 21 * ONE);
        (uint256 shares,,) = stake.positionOf(provider, alice);
        vm.prank(alice);
        stake.requestExit(provider, shares);
        stake.reward(provider, 10 * ONE);
        rewardIs(alice, 19 * ONE);
        rewardIs(provider, 31 * ONE);
        vm.prank(bob);
        stake.claimReward(provider, alice);
        vm.assertEq(token.balanceOf(alice), 999_919 * ONE);
        vm.expectRevert(Stake.ZeroAmount.selector);
        stake.claimReward(provider, alice);
        // A lower commission holds at once.
        vm.prank(provider);
        stake.setCommission(0);
        vm.assertEq(stake.commissionOf(provider), 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotRewarder.selector, alice));
        stake.reward(provider, 1);
    }

    function test_an_empty_pool_leaves_its_reward_to_the_provider() public {
        stake.reward(provider, ONE);
        rewardIs(provider, ONE);
    }

    function test_collateral_of_gpus_in_service_can_not_leave() public {
        address worker = address(0xF0);
        uint256 shares = put(provider, provider, 2_600 * ONE);
        fake.set(worker, provider, "h100", 2);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Stake.NotProvider.selector, alice));
        stake.setCollateral(worker);
        vm.prank(provider);
        stake.setCollateral(worker);
        vm.assertEq(stake.poolOf(provider).locked, 2_500 * ONE);
        vm.prank(provider);
        vm.expectRevert();
        stake.requestExit(provider, shares / 10);
        fake.set(worker, provider, "h100", 3);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(Stake.CollateralLocked.selector, 2_600 * ONE, 3_750 * ONE));
        stake.setCollateral(worker);
        // Nobody vouches for them any more: anybody lets go of it.
        fake.set(worker, provider, 0, 0);
        vm.prank(alice);
        stake.setCollateral(worker);
        vm.prank(provider);
        stake.requestExit(provider, shares);
    }

    /// @dev Whoever comes first and gives to the pool, by hand or as a reward, loses; who comes after loses nothing.
    function testFuzz_the_first_delegator_gains_nothing_by_donating(uint96 first, uint96 donation, uint96 victim) public {
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

    function put(address account, address to, uint256 amount) private returns (uint256) {
        vm.prank(account);
        return stake.delegate(to, amount);
    }

    function rewardIs(address account, uint256 amount) private view {
        (,, uint256 rewards) = stake.positionOf(provider, account);
        vm.assertGe(rewards + 1, amount);
        vm.assertLe(rewards, amount);
    }
}
