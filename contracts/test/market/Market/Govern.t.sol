// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {ITreasury} from "../../../src/interfaces/ITreasury.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketGovernTest is LeasedNetwork {
    function test_parameters_are_bounded_and_governed() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        market.setToken(address(usdc), true, 0);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 2_001, 0, 2_000));
        market.setToken(address(usdc), true, 2_001);
        change(governance, market, abi.encodeCall(IMarket.setNoticePeriod, (2 hours)));
        vm.assertEq(market.noticePeriod(), 2 hours);
        vm.prank(governance);
        market.announce(abi.encodeCall(IMarket.setNoticePeriod, (1)));
        vm.prank(governance);
        market.announce(abi.encodeCall(ITreasury.setTreasury, (address(0))));
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1, 1 hours, 30 days));
        market.setNoticePeriod(1);
        vm.prank(governance);
        vm.expectRevert(Errors.ZeroAddress.selector);
        market.setTreasury(address(0));
        change(governance, market, abi.encodeCall(ITreasury.setTreasury, (stranger)));
        vm.assertEq(market.treasury(), stranger);
    }

    function test_a_higher_fee_is_announced_and_a_lower_one_holds_at_once() public {
        vm.prank(governance);
        market.setToken(address(usdc), true, 300);
        bytes memory call = abi.encodeCall(ITill.setToken, (address(usdc), true, 301));
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(call)));
        market.setToken(address(usdc), true, 301);
        // Nor by closing the door for a moment.
        vm.prank(governance);
        market.setToken(address(usdc), false, 300);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(call)));
        market.setToken(address(usdc), true, 301);
        change(governance, market, call);
        (bool allowed,, uint16 feeBps) = market.termsOf(address(usdc));
        vm.assertTrue(allowed);
        vm.assertEq(feeBps, 301);
    }

    function test_a_disallowed_token_and_a_new_fee_leave_open_leases_as_they_were() public {
        bytes32 id = open();
        vm.prank(governance);
        market.setToken(address(usdc), false, 100);
        vm.warp(block.timestamp + 100);
        market.settle(id);
        vm.assertEq(market.fees(address(usdc)), 320);
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 2);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(usdc)));
        market.open(bid, signature, DEPOSIT, "", noPermit);
        vm.assertEq(market.tokens(1), address(usdc));
    }
}
