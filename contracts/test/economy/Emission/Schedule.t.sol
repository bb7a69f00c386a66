// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Schedule} from "../../../src/libraries/Schedule.sol";
import {vm} from "../../Vm.sol";
import {EmissionStage} from "./EmissionStage.sol";

contract EmissionScheduleTest is EmissionStage {
    function test_each_period_emits_three_quarters_of_the_one_before() public pure {
        uint256 before;
        uint256 budget = 175_000_000 * ONE;
        for (uint256 period = 1; period <= 20; ++period) {
            uint256 emitted = Schedule.emitted(period * 180 days);
            // A quarter of what is left is rounded down to a unit, each time.
            vm.assertLe(emitted - before, budget + period);
            vm.assertGe(emitted - before + period, budget);
            (before, budget) = (emitted, budget * 3 / 4);
        }
        vm.assertEq(Schedule.emitted(0), 0);
        vm.assertEq(Schedule.emitted(90 days), 87_500_000 * ONE);
        vm.assertLe(Schedule.emitted(type(uint32).max), 700_000_000 * ONE);
        vm.assertGe(Schedule.emitted(5_000 * 180 days), 700_000_000 * ONE - 3);
        vm.assertLe(Schedule.emitted(type(uint64).max), 700_000_000 * ONE);
    }

    function testFuzz_the_schedule_never_goes_back_and_its_parts_add_up(uint64 a, uint64 b) public pure {
        (uint256 first, uint256 second) = a < b ? (a, b) : (b, a);
        vm.assertLe(Schedule.emitted(first), Schedule.emitted(second));
        vm.assertLe(Schedule.emitted(second), 700_000_000 * ONE);
        vm.assertEq(2 * Schedule.forStake(first) + Schedule.forTreasury(first), Schedule.emitted(first));
        vm.assertLe(Schedule.forTreasury(first), Schedule.forTreasury(second));
        Schedule.Cursor memory cursor = Schedule.first();
        vm.assertEq(Schedule.emitted(cursor, first), Schedule.emitted(first));
        vm.assertEq(Schedule.emitted(cursor, second), Schedule.emitted(second));
    }
}
