// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IStake} from "../../../src/interfaces/IStake.sol";
import {vm} from "../../Vm.sol";
import {EconomyTest} from "../../stages/Economy.sol";

contract StakeSyncCollateralTest is EconomyTest {
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
}
