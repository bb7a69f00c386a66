// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {Room} from "../../../src/libraries/Room.sol";
import {Till} from "../../../src/libraries/Till.sol";
import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketResizeTest is LeasedNetwork {
    bytes32 private id;

    modifier leased() {
        id = open();
        _;
    }

    function test_resize_settles_at_the_old_price_and_goes_on_at_the_new_one() public leased {
        vm.warp(block.timestamp + 100);
        take(makeResize(id, 3 * RATE, 5), 0);
        IMarket.Lease memory lease = market.leaseOf(id);
        vm.assertEq(lease.spent, 100 * RATE);
        vm.assertEq(lease.balance, DEPOSIT - 100 * RATE);
        vm.assertEq(lease.ratePerSecond, 3 * RATE);
        vm.assertEq(lease.room, partOf(5));
        vm.assertEq(lease.manifestHash, keccak256("larger"));
        vm.assertEq(lease.tenant, tenant);
        vm.assertEq(lease.feeBps, 2_000);
        vm.assertEq(market.roomTaken(worker), partOf(5));
        vm.assertEq(market.resizes(id), 1);
        vm.warp(block.timestamp + 10);
        vm.assertEq(market.accrued(id), 30 * RATE);
        // Down again, to less than it began with.
        take(makeResize(id, 1, 0), 0);
        vm.warp(block.timestamp + 7);
        vm.prank(tenant);
        market.close(id, tenant);
        vm.assertEq(market.leaseOf(id).spent, 130 * RATE + 7);
        vm.assertEq(usdc.balanceOf(address(market)), 130 * RATE + 7);
        vm.assertEq(market.roomTaken(worker), 0);
    }

    function test_resize_adds_money_in_the_same_transaction_where_the_bid_asks_for_it() public leased {
        IMarket.ResizeBid memory bid = makeResize(id, 3 * RATE, 5);
        bid.minimumBalance = uint96(DEPOSIT + 500);
        vm.warp(block.timestamp + 10);
        uint256 left = DEPOSIT - 10 * RATE;
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DepositTooSmall.selector, DEPOSIT + 499, DEPOSIT + 500)
        );
        market.resize(bid, signature, DEPOSIT + 499 - left, noPermit);
        vm.prank(tenant);
        market.resize(bid, signature, DEPOSIT + 500 - left, noPermit);
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT + 500);
        vm.assertEq(usdc.balanceOf(address(market)), DEPOSIT + 500 + 10 * RATE);
    }

    function test_resize_takes_its_allowance_from_a_permit() public leased {
        vm.prank(tenant);
        usdc.approve(address(market), 0);
        IMarket.ResizeBid memory bid = makeResize(id, RATE, 2);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        uint256 deadline = block.timestamp + 60;
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                tenant,
                address(market),
                700,
                usdc.nonces(tenant),
                deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(TENANT_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
        vm.prank(tenant);
        market.resize(bid, signature, 700, Till.Permit(700, deadline, v, r, s));
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT + 700);
    }

    function test_resize_is_the_tenants_and_takes_a_bid_once() public leased {
        IMarket.ResizeBid memory up = makeResize(id, 3 * RATE, 5);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(up));
        for (uint256 i; i < 3; ++i) {
            address other = [stranger, provider, worker][i];
            vm.prank(other);
            vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, other));
            market.resize(up, signature, 0, noPermit);
        }
        // Of two bids for the lease as it is, one can be taken.
        IMarket.ResizeBid memory other_ = makeResize(id, RATE, 3);
        take(up, 0);
        expectOutdated(up, 1);
        expectOutdated(other_, 1);
        // Nor does the first one come back when the lease is what it was.
        take(makeResize(id, RATE, 1), 0);
        expectOutdated(up, 2);
        IMarket.ResizeBid memory ahead = makeResize(id, RATE, 1);
        ahead.number = 3;
        expectOutdated(ahead, 2);
    }

    function test_resize_refuses_what_is_wrong_with_a_bid() public leased {
        IMarket.ResizeBid memory bid = makeResize(id, 3 * RATE, 5);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        bid.ratePerSecond = 1;
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.BadSignature.selector));
        bid.ratePerSecond = 0;
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.ZeroAmount.selector));
        bid = makeResize(id, 3 * RATE, 5);
        bid.manifestHash = keccak256("other");
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.BadSignature.selector));
        bid = makeResize(id, 3 * RATE, 5);
        // A bid for one lease is none for another of the same tenant on the same worker.
        bytes32 second = openLease(address(usdc), RATE, DEPOSIT, 2);
        bid.lease = second;
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.BadSignature.selector));
        // Nor is a bid for a new lease one for this.
        expectRefusal(
            makeResize(id, 3 * RATE, 5),
            sign(WORKER_KEY, id),
            abi.encodeWithSelector(Errors.BadSignature.selector)
        );
        expectRefusal(
            makeResize(id, 3 * RATE, 5),
            sign(TENANT_KEY, market.resizeDigest(makeResize(id, 3 * RATE, 5))),
            abi.encodeWithSelector(Errors.BadSignature.selector)
        );
        bid = makeResize(id, 3 * RATE, 5);
        vm.warp(uint256(bid.expiry) + 1);
        expectRefusal(bid, signature, abi.encodeWithSelector(IMarket.BidExpired.selector, bid.expiry));
    }

    function test_resize_accepts_the_providers_signature() public leased {
        IMarket.ResizeBid memory bid = makeResize(id, 3 * RATE, 5);
        bytes memory signature = sign(PROVIDER_KEY, market.resizeDigest(bid));
        vm.prank(tenant);
        market.resize(bid, signature, 0, noPermit);
        vm.assertEq(market.leaseOf(id).room, partOf(5));
    }

    function test_resize_refuses_a_worker_that_is_not_covered() public leased {
        (,, uint256 until) = workers.billing(worker);
        vm.warp(until);
        expectRefusal(
            makeResize(id, 3 * RATE, 5),
            "",
            abi.encodeWithSelector(Errors.WorkerNotCovered.selector, worker, until)
        );
    }

    function test_resize_refuses_a_lease_that_has_ended() public leased {
        IMarket.ResizeBid memory bid = makeResize(id, 3 * RATE, 5);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        vm.prank(tenant);
        market.close(id, tenant);
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.LeaseNotOpen.selector, id));
        bytes32 second = openLease(address(usdc), RATE, DEPOSIT, 2);
        vm.prank(worker);
        market.refuse(second);
        bid.lease = second;
        expectRefusal(bid, signature, abi.encodeWithSelector(Errors.LeaseNotOpen.selector, second));
    }

    function test_notice_runs_on_through_a_resize() public leased {
        vm.prank(provider);
        market.giveNotice(id);
        uint256 noticeUntil = market.leaseOf(id).noticeUntil;
        take(makeResize(id, 1, 2), 0);
        vm.assertEq(market.leaseOf(id).noticeUntil, noticeUntil);
        vm.warp(noticeUntil);
        vm.prank(provider);
        market.close(id, provider);
        vm.assertEq(uint256(market.leaseOf(id).state), uint256(IMarket.State.Closed));
    }

    function test_a_lease_that_was_resized_and_earned_ends_by_notice_alone() public leased {
        vm.warp(block.timestamp + 10);
        take(makeResize(id, RATE, 2), 0);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IMarket.AlreadyEarning.selector, id));
        market.refuse(id);
    }

    function test_resize_reckons_room_without_what_the_lease_takes_itself() public leased {
        IMarket.Bid memory other = makeBid(address(usdc), RATE, 2);
        other.room = partOf(60_000);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(other));
        vm.prank(tenant);
        market.open(other, signature, DEPOSIT, "", noPermit);
        IMarket.ResizeBid memory bid = makeResize(id, RATE, 5_536);
        expectRefusal(
            bid,
            sign(WORKER_KEY, market.resizeDigest(bid)),
            abi.encodeWithSelector(Room.NoRoom.selector, worker, partOf(60_000), partOf(5_536))
        );
        take(makeResize(id, RATE, 5_535), 0);
        vm.assertEq(market.roomTaken(worker), type(uint64).max);
    }

    function test_a_lease_without_money_is_resized_only_with_some() public leased {
        bytes32 poor = openLease(address(usdc), RATE, 160, 2);
        vm.warp(block.timestamp + 100);
        IMarket.ResizeBid memory bid = makeResize(poor, RATE, 2);
        expectRefusal(
            bid,
            sign(WORKER_KEY, market.resizeDigest(bid)),
            abi.encodeWithSelector(IMarket.DepositTooSmall.selector, 0, 0)
        );
        // What couldn't be paid is forgiven, as it is where money is added.
        take(bid, 1);
        vm.assertEq(market.leaseOf(poor).spent, 160);
        vm.assertEq(market.leaseOf(poor).balance, 1);
    }

    function test_what_was_ever_put_into_a_lease_has_a_bound() public leased {
        IMarket.ResizeBid memory bid = makeResize(id, RATE, 2);
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        uint256 most = type(uint96).max - DEPOSIT;
        usdc.mint(tenant, most + 1);
        vm.warp(block.timestamp + 100);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(
                SafeCast.SafeCastOverflowedUintDowncast.selector, 96, uint256(type(uint96).max) + 1
            )
        );
        market.resize(bid, signature, most + 1, noPermit);
        vm.prank(tenant);
        market.resize(bid, signature, most, noPermit);
    }

    /// Money to the unit, and room to the part, whatever sizes and times there were.
    function testFuzz_a_lease_costs_its_rates_times_their_seconds(
        uint80[4] calldata rates,
        uint16[4] calldata seconds_,
        uint64[4] calldata rooms,
        uint96[4] calldata added
    ) public leased {
        uint256 put = DEPOSIT;
        uint256 rate = RATE;
        uint256 spent;
        bytes32 lease = id;
        for (uint256 i; i < 4; ++i) {
            uint256 passed = seconds_[i] % 800;
            vm.warp(block.timestamp + passed);
            uint256 cost = rate * passed;
            spent += cost < put - spent ? cost : put - spent;
            uint256 more = added[i] % 1e9 + 1;
            usdc.mint(tenant, more);
            put += more;
            rate = uint256(rates[i]) % 1e7 + 1;
            IMarket.ResizeBid memory bid = makeResize(lease, uint80(rate), 0);
            bid.room = rooms[i];
            take(bid, more);
            vm.assertEq(market.leaseOf(lease).spent, spent);
            vm.assertEq(market.leaseOf(lease).balance, put - spent);
            vm.assertEq(market.roomTaken(worker), rooms[i]);
        }
        uint256 before = usdc.balanceOf(tenant);
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.assertEq(usdc.balanceOf(tenant) - before, put - spent);
        vm.assertEq(market.credit(provider, address(usdc)) + market.fees(address(usdc)), spent);
        vm.assertEq(usdc.balanceOf(address(market)), spent);
        vm.assertEq(market.roomTaken(worker), 0);
    }

    function take(IMarket.ResizeBid memory bid, uint256 added) private {
        bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
        vm.prank(tenant);
        market.resize(bid, signature, added, noPermit);
    }

    function expectOutdated(IMarket.ResizeBid memory bid, uint256 resizes) private {
        expectRefusal(
            bid,
            sign(WORKER_KEY, market.resizeDigest(bid)),
            abi.encodeWithSelector(IMarket.BidOutdated.selector, id, resizes)
        );
    }

    function expectRefusal(IMarket.ResizeBid memory bid, bytes memory signature, bytes memory why) private {
        vm.prank(tenant);
        vm.expectRevert(why);
        market.resize(bid, signature, 0, noPermit);
    }
}
