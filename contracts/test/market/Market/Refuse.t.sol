// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketRefuseTest is LeasedNetwork {
    function test_refuse_returns_everything_as_long_as_nothing_was_earned() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 5);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        market.refuse(id);
        vm.prank(worker);
        market.refuse(id);
        vm.assertEq(market.credit(tenant, address(usdc)), DEPOSIT);
        bytes32 second = openLease(address(usdc), RATE, DEPOSIT, 2);
        vm.warp(block.timestamp + 5);
        market.settle(second);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IMarket.AlreadyEarning.selector, second));
        market.refuse(second);
    }

    function test_a_lease_that_has_run_for_days_ends_by_notice_only() public {
        bytes32 id = openLease(address(usdc), RATE, 10_000_000, 1);
        bytes32 other = openLease(address(usdc), RATE, 10_000_000, 2);
        vm.warp(block.timestamp + 5 minutes);
        vm.prank(provider);
        market.refuse(other);
        vm.warp(block.timestamp + 1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMarket.AlreadyEarning.selector, id));
        market.refuse(id);
        // Nobody settles for three days, and it makes no difference.
        for (uint256 end = block.timestamp + 3 days; block.timestamp < end;) {
            vm.warp(block.timestamp + 30 minutes);
            attest();
        }
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IMarket.AlreadyEarning.selector, id));
        market.refuse(id);
    }
}
