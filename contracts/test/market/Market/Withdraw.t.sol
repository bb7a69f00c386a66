// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketWithdrawTest is LeasedNetwork {
    function test_who_names_nobody_gets_credit() public {
        bytes32 id = open();
        vm.prank(tenant);
        market.close(id, address(0));
        vm.assertEq(market.credit(tenant, address(usdc)), DEPOSIT);
        vm.assertEq(usdc.balanceOf(address(market)), DEPOSIT);
    }

    function test_withdraw_pays_once() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        market.settle(id);
        vm.prank(provider);
        vm.expectRevert(Errors.ZeroAddress.selector);
        market.withdraw(address(usdc), address(0));
        vm.prank(provider);
        market.withdraw(address(usdc), stranger);
        vm.assertEq(usdc.balanceOf(stranger), 1_280);
        vm.prank(provider);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.withdraw(address(usdc), provider);
    }
}
