// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Announcements} from "../../src/libraries/Announcements.sol";
import {vm} from "../Vm.sol";
import {PausableToken} from "../fakes/PausableToken.sol";
import {change} from "../stages/Economy.sol";
import {LeasedNetwork} from "../stages/LeasedNetwork.sol";

/// @dev How leases end, what is withdrawn then, and what governance may change about them.
contract LeaseEndsTest is LeasedNetwork {
    // ENDS

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

    function test_who_names_nobody_gets_credit() public {
        bytes32 id = open();
        vm.prank(tenant);
        market.close(id, address(0));
        vm.assertEq(market.credit(tenant, address(usdc)), DEPOSIT);
        vm.assertEq(usdc.balanceOf(address(market)), DEPOSIT);
    }

    function test_a_lease_is_opened_with_what_the_bid_asks_for_at_least() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 2);
        (bid.room, bid.minimumDeposit) = (partOf(type(uint16).max), 3_600 * RATE);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DepositTooSmall.selector, 3_600 * RATE - 1, 3_600 * RATE)
        );
        market.open(bid, signature, 3_600 * RATE - 1, "", noPermit);
        // It is signed along with the rest.
        bid.minimumDeposit = 1;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, signature, 1, "", noPermit);
        bid.minimumDeposit = 3_600 * RATE;
        vm.prank(tenant);
        market.open(bid, signature, 3_600 * RATE, "", noPermit);
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

    // GOVERNANCE

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
