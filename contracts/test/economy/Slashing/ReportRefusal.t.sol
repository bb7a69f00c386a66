// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {vm} from "../../Vm.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingReportRefusalTest is SlashingStage {
    function test_a_refused_bid_costs_a_thousandth_once_a_day() public {
        bytes32 kept = openLease(address(usdc), 16, 100_000, 1);
        bytes32 first = openLease(address(usdc), 16, 100_000, 2);
        bytes32 second = openLease(address(usdc), 16, 100_000, 3);
        vm.prank(worker);
        market.refuse(first);
        vm.prank(provider);
        market.refuse(second);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotRefused.selector, kept));
        slashing.reportRefusal(kept);
        vm.prank(stranger);
        vm.assertEq(slashing.reportRefusal(first), POOL / 1_000);
        vm.assertEq(token.balanceOf(stranger), POOL / 10_000);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ReportedRecently.selector, provider, block.timestamp + 1 days)
        );
        slashing.reportRefusal(second);
        vm.warp(block.timestamp + 1 days);
        slashing.reportRefusal(second);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert();
        slashing.reportRefusal(first);
    }
}
