// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../Vm.sol";
import {EconomyTest} from "../stages/Economy.sol";

/// @dev Workers tells Emission with a bounded amount of gas (150,000, and 20,000 an hour of coverage) and
/// goes on if that fails: so it has to be enough for the dearest there is, the first hours that a pool and
/// anybody at all count for, in as many words as they can lie in.
contract ObserverGasTest is EconomyTest {
    function test_counting_an_hour_takes_less_than_workers_brings() public {
        counts(1 hours, 1);
    }

    function test_counting_most_of_two_hours_takes_less_than_workers_brings() public {
        counts(2 hours - 1, 1);
    }

    function test_counting_a_day_takes_less_than_workers_brings() public {
        counts(24 hours, 24);
    }

    function counts(uint256 period, uint256 hours_) private {
        put(provider, provider, 20_000 * ONE);
        toEpoch(7, 0);
        fake.cover(worker, 1);
        fake.confirm(worker, "h100", 8, 1);
        vm.prank(provider);
        stake.syncCollateral(worker);
        // The last hour of a group of eight, which share a word.
        toEpoch(87, 0);
        fake.confirm(worker, "h100", 8, period);
        uint256 until = block.timestamp + period;
        vm.prank(address(fake));
        emission.onCovered{gas: 150_000 + period / 1 hours * 20_000}(worker, provider, block.timestamp, until);
        vm.assertEq(weighs(87), 80);
        vm.assertEq(weighs(87 + hours_ - 1), 80);
        vm.assertEq(weighs(87 + hours_), 0);
        vm.prank(address(fake));
        emission.onCoverageEnded{gas: 150_000}(worker, provider);
        vm.assertEq(weighs(87 + hours_ - 1), 0);
    }

    function weighs(uint256 epoch) private view returns (uint256 pool) {
        (pool,) = emission.weightsOf(provider, epoch);
    }
}
