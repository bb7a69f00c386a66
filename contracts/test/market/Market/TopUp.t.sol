// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketTopUpTest is LeasedNetwork {
    function test_topUp_by_anyone_buys_future_time_and_forgives_what_could_not_be_paid() public {
        bytes32 id = openLease(address(usdc), RATE, 160, 1);
        vm.warp(block.timestamp + 100);
        usdc.mint(stranger, 160);
        vm.prank(stranger);
        usdc.approve(address(market), 160);
        vm.prank(stranger);
        market.topUp(id, 160, noPermit);
        vm.assertEq(market.leaseOf(id).spent, 160);
        vm.assertEq(market.leaseOf(id).balance, 160);
        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.topUp(id, 0, noPermit);
    }

    function test_what_was_ever_put_into_a_lease_has_a_bound_so_that_it_can_always_be_settled() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        uint256 most = type(uint96).max - DEPOSIT;
        usdc.mint(tenant, most + 1);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(
                SafeCast.SafeCastOverflowedUintDowncast.selector, 96, uint256(type(uint96).max) + 1
            )
        );
        market.topUp(id, most + 1, noPermit);
        vm.prank(tenant);
        market.topUp(id, most, noPermit);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(tenant);
        market.close(id, tenant);
    }
}
