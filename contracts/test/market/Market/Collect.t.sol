// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketCollectTest is LeasedNetwork {
    function test_collect_sends_the_fees_to_the_treasury_whoever_calls() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        market.settle(id);
        vm.prank(stranger);
        market.collect(address(usdc));
        vm.assertEq(usdc.balanceOf(treasury), 320);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.collect(address(usdc));
    }
}
