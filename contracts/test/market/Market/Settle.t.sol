// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../../Vm.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

contract MarketSettleTest is LeasedNetwork {
    function test_settle_pays_covered_seconds_less_the_fee() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        vm.assertEq(market.accrued(id), 1_600);
        market.settle(id);
        vm.assertEq(market.credit(provider, address(usdc)), 1_280);
        vm.assertEq(market.fees(address(usdc)), 320);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT - 1_600);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
    }

    function test_settle_in_cloi_takes_four_percent_and_rounds_against_the_provider() public {
        bytes32 id = openLease(address(cloi), 7, 1_000, 1);
        vm.warp(block.timestamp + 3);
        vm.prank(provider);
        market.settle(id);
        // 21 × 4% = 0.84
        vm.assertEq(market.fees(address(cloi)), 1);
        vm.assertEq(market.credit(provider, address(cloi)), 20);
        vm.warp(block.timestamp + 3);
        vm.prank(treasury);
        market.settle(id);
        vm.assertEq(market.fees(address(cloi)), 1);
        vm.assertEq(market.credit(provider, address(cloi)), 41);
    }

    function test_nothing_is_paid_for_the_time_after_coverage_ended() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        vm.prank(worker);
        workers.depart(worker);
        vm.warp(block.timestamp + 5_000);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
        attest();
        vm.warp(block.timestamp + 10);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_760);
    }

    function test_settleMany_equals_settling_one_by_one_and_skips_what_is_not_open() public {
        bytes32[] memory ids = new bytes32[](4);
        ids[0] = openLease(address(usdc), 10, DEPOSIT, 1);
        ids[1] = openLease(address(cloi), 11, DEPOSIT, 2);
        ids[2] = openLease(address(usdc), 13, DEPOSIT, 3);
        ids[3] = bytes32("nothing");
        vm.warp(block.timestamp + 10);
        vm.prank(tenant);
        market.close(ids[0], tenant);
        vm.warp(block.timestamp + 10);
        market.settleMany(ids);
        vm.assertEq(market.leaseOf(ids[1]).spent, 220);
        vm.assertEq(market.leaseOf(ids[2]).spent, 260);
        vm.assertEq(market.credit(provider, address(usdc)), 80 + 208);
        vm.assertEq(market.credit(provider, address(cloi)), 220 - 9);
    }

    function testFuzz_every_unit_is_accounted_for(
        uint80 rate,
        uint96 deposit,
        uint256 elapsed,
        bool settleBetween
    ) public {
        rate = uint80(rate % 1e24) + 1;
        deposit = uint96(deposit % 1_000_000e18) + 1;
        elapsed %= 2 hours;
        bytes32 id = openLease(address(cloi), rate, deposit, 1);
        uint256 start = block.timestamp;
        if (settleBetween) {
            vm.warp(start + elapsed / 3);
            market.settle(id);
        }
        vm.warp(start + elapsed);
        uint256 before = cloi.balanceOf(tenant);
        vm.prank(tenant);
        market.close(id, tenant);
        uint256 refund = cloi.balanceOf(tenant) - before;
        uint256 seconds_ = elapsed < 1 hours ? elapsed : 1 hours;
        uint256 due = uint256(rate) * seconds_;
        if (due > deposit) due = deposit;
        vm.assertEq(refund, deposit - due);
        uint256 toTreasury = market.fees(address(cloi));
        vm.assertEq(market.credit(provider, address(cloi)) + toTreasury, due);
        vm.assertGe(toTreasury * 10_000, due * 400);
        vm.assertLe(toTreasury * 10_000, due * 400 + 20_000);
        vm.assertEq(cloi.balanceOf(address(market)), due);
    }
}
