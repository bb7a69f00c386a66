// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {PausableToken} from "../../fakes/PausableToken.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketCloseTest is LeasedNetwork {
    function test_close_by_the_tenant_refunds_at_once_where_it_says() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        vm.prank(tenant);
        market.close(id, stranger);
        vm.assertEq(usdc.balanceOf(stranger), DEPOSIT - 1_600);
        vm.assertEq(usdc.balanceOf(address(market)), 1_600);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseNotOpen.selector, id));
        market.close(id, tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseNotOpen.selector, id));
        market.settle(id);
    }

    function test_close_by_the_provider_waits_for_the_notice() public {
        bytes32 id = open();
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, 0));
        market.close(id, provider);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        market.giveNotice(id);
        vm.prank(provider);
        market.giveNotice(id);
        uint256 noticeUntil = block.timestamp + 1 days;
        vm.warp(block.timestamp + 50);
        vm.prank(worker);
        market.giveNotice(id);
        vm.assertEq(market.leaseOf(id).noticeUntil, noticeUntil);
        vm.warp(noticeUntil - 1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, noticeUntil));
        market.close(id, provider);
        vm.warp(noticeUntil);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, noticeUntil));
        market.close(id, stranger);
        vm.prank(worker);
        market.close(id, worker);
        vm.assertEq(market.credit(tenant, address(usdc)), DEPOSIT - 3_600 * RATE);
        vm.prank(tenant);
        market.withdraw(address(usdc), tenant);
        vm.assertEq(market.credit(tenant, address(usdc)), 0);
    }

    function test_close_by_the_provider_waits_as_long_as_its_bid_said() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bid.noticeMinutes = 10;
        bytes32 id = take(bid, DEPOSIT);
        vm.assertEq(market.leaseOf(id).noticeMinutes, 10);
        // Whatever governance says of other leases meanwhile.
        change(governance, market, abi.encodeCall(IMarket.setNoticePeriod, (2 hours)));
        vm.prank(tenant);
        market.topUp(id, DEPOSIT, noPermit);
        vm.prank(provider);
        market.giveNotice(id);
        uint256 noticeUntil = block.timestamp + 10 minutes;
        vm.assertEq(market.leaseOf(id).noticeUntil, noticeUntil);
        vm.warp(noticeUntil - 1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, noticeUntil));
        market.close(id, provider);
        vm.warp(noticeUntil);
        vm.prank(provider);
        market.close(id, provider);
        vm.assertTrue(market.leaseOf(id).state == IMarket.State.Closed);
    }

    function test_a_bid_may_promise_more_notice_than_the_market_asks_for() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bid.noticeMinutes = type(uint16).max;
        bytes32 id = take(bid, DEPOSIT);
        vm.prank(worker);
        market.giveNotice(id);
        vm.assertEq(market.leaseOf(id).noticeUntil, block.timestamp + 65_535 minutes);
    }

    function test_the_notice_that_a_bid_says_is_signed() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        bid.noticeMinutes = 1;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_a_resize_leaves_the_notice_as_it_was() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bid.noticeMinutes = 5;
        bytes32 id = take(bid, DEPOSIT);
        IMarket.ResizeBid memory larger = makeResize(id, RATE + 1, 2);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(larger));
        vm.prank(tenant);
        market.resize(larger, signature, 0, noPermit);
        vm.assertEq(market.leaseOf(id).noticeMinutes, 5);
        vm.prank(provider);
        market.giveNotice(id);
        vm.assertEq(market.leaseOf(id).noticeUntil, block.timestamp + 5 minutes);
    }

    function test_anyone_closes_an_exhausted_lease() public {
        bytes32 id = openLease(address(usdc), RATE, 160, 1);
        vm.warp(block.timestamp + 9);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, 0));
        market.close(id, stranger);
        vm.warp(block.timestamp + 1);
        vm.prank(stranger);
        market.close(id, stranger);
        vm.assertEq(market.leaseOf(id).spent, 160);
        vm.assertTrue(market.leaseOf(id).state == IMarket.State.Closed);
    }

    function test_a_tenant_stops_paying_whatever_its_token_does() public {
        PausableToken token = new PausableToken();
        vm.prank(governance);
        market.setToken(address(token), true, 0);
        token.mint(tenant, 1_000_000);
        vm.prank(tenant);
        token.approve(address(market), type(uint256).max);
        bytes32 id = openLease(address(token), 100, 1_000_000, 1);
        vm.warp(block.timestamp + 1_000);
        token.pause(true);
        vm.prank(tenant);
        market.close(id, tenant);
        vm.assertTrue(market.leaseOf(id).state == IMarket.State.Closed);
        vm.assertEq(market.credit(tenant, address(token)), 900_000);
        vm.prank(tenant);
        vm.expectRevert("paused");
        market.withdraw(address(token), tenant);
        token.pause(false);
        vm.prank(tenant);
        market.withdraw(address(token), stranger);
        vm.assertEq(token.balanceOf(stranger), 900_000);
        vm.assertEq(token.balanceOf(address(market)), 100_000);
    }

    function test_a_unit_more_keeps_no_used_up_lease_open() public {
        bytes32 id = openLease(address(usdc), RATE, RATE, 1);
        vm.warp(block.timestamp + 10 minutes);
        vm.prank(tenant);
        market.topUp(id, RATE * 60 - 1, noPermit);
        // A stranger still has to wait; the provider need not keep room for less than a minute.
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, 0));
        market.close(id, stranger);
        vm.prank(worker);
        market.close(id, worker);
        vm.assertEq(market.credit(tenant, address(usdc)), RATE * 60 - 1);
        id = openLease(address(usdc), RATE, RATE * 60, 2);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MayNotClose.selector, id, 0));
        market.close(id, worker);
    }
}
