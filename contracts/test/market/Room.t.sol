// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Room} from "../../src/libraries/Room.sol";
import {vm} from "../Vm.sol";
import {Network} from "../stages/Network.sol";

/// @dev What leases take of a worker, through the Market.
contract RoomTest is Network {
    function setUp() public override {
        super.setUp();
        register();
        attest();
    }

    function test_no_more_bids_can_be_taken_than_a_worker_has_room_for() public {
        // Three thirds are the whole, in each of four parts.
        bytes32 first = open(partOf(21_845), 1);
        open(partOf(21_845), 2);
        open(partOf(21_845), 3);
        vm.assertEq(market.roomTaken(worker), type(uint64).max);
        for (uint256 part; part < 4; ++part) {
            expectNoRoom(type(uint64).max, uint64(1 << (16 * part)));
        }
        // Nothing at all fits still, and whoever ends a lease makes room.
        open(0, 4);
        vm.prank(tenant);
        market.close(first, tenant);
        vm.assertEq(market.roomTaken(worker), partOf(43_690));
        expectNoRoom(partOf(43_690), 21_846);
        bytes32 second = open(partOf(21_845), 6);
        vm.prank(worker);
        market.refuse(second);
        vm.assertEq(market.roomTaken(worker), partOf(43_690));
    }

    function testFuzz_room_is_reckoned_in_four_parts(uint64 taken, uint64 more) public {
        open(taken, 1);
        bool fits = true;
        for (uint256 shift; shift < 64; shift += 16) {
            if (uint256(taken >> shift & 0xffff) + (more >> shift & 0xffff) > 0xffff) fits = false;
        }
        if (!fits) return expectNoRoom(taken, more);
        bytes32 id = open(more, 2);
        for (uint256 shift; shift < 64; shift += 16) {
            vm.assertEq(
                market.roomTaken(worker) >> shift & 0xffff,
                uint256(taken >> shift & 0xffff) + (more >> shift & 0xffff)
            );
        }
        vm.prank(tenant);
        market.close(id, tenant);
        vm.assertEq(market.roomTaken(worker), taken);
    }

    function expectNoRoom(uint64 taken, uint64 asked) private {
        IMarket.Bid memory bid = makeBid(address(usdc), 16, 99);
        bid.room = asked;
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Room.NoRoom.selector, worker, taken, asked));
        market.open(bid, signature, 100_000, "", noPermit);
    }

    function open(uint64 part, uint256 salt) private returns (bytes32) {
        IMarket.Bid memory bid = makeBid(address(usdc), 16, salt);
        bid.room = part;
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        return market.open(bid, signature, 100_000, "", noPermit);
    }
}
