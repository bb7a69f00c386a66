// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Coverage} from "../../../src/libraries/Coverage.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersCoveredTest is Network {
    function test_instants_before_the_last_gap_are_refused_and_those_in_the_gap_answered() public {
        register();
        attest();
        uint256 end = block.timestamp + 1 hours;
        vm.warp(end + 500);
        attest();
        vm.assertEq(workers.covered(worker, end + 250), 3600);
        vm.expectRevert(abi.encodeWithSelector(Coverage.InstantTooOld.selector, end - 1, end));
        workers.covered(worker, end - 1);
    }

    /// The accumulator equals a plain count of seconds, whatever the pattern of attestations, gaps and
    /// departures.
    /// forge-config: default.fuzz.runs = 96
    function testFuzz_covered_counts_every_covered_second_once(uint256 seed) public {
        change(governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (60)));
        register();
        uint256 expected;
        uint256 until;
        uint256 last;
        for (uint256 i; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 step = seed % 90;
            uint256 before = block.timestamp;
            vm.warp(before + step);
            uint256 capped = block.timestamp < until ? block.timestamp : until;
            if (capped > before) expected += capped - before;
            uint256 action = (seed >> 128) % 4;
            if (action < 2) {
                attest();
                if (block.timestamp + 60 > until) until = block.timestamp + 60;
            } else if (action == 2) {
                vm.prank(worker);
                workers.depart(worker);
                if (block.timestamp < until) until = block.timestamp;
            }
            uint256 coveredSeconds = workers.covered(worker, block.timestamp);
            vm.assertEq(coveredSeconds, expected);
            vm.assertGe(coveredSeconds, last);
            vm.assertGe(workers.covered(worker, block.timestamp + 30), coveredSeconds);
            last = coveredSeconds;
        }
    }
}
