// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketUpdateTest is LeasedNetwork {
    function test_update_is_the_tenants() public {
        bytes32 id = open();
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, address(this)));
        market.update(id, keccak256("new"));
        vm.prank(tenant);
        market.update(id, keccak256("new"));
        vm.assertEq(market.leaseOf(id).manifestHash, keccak256("new"));
    }
}
