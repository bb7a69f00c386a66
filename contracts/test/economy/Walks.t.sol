// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../Vm.sol";
import {EconomyTest} from "../stages/Economy.sol";

/// @dev Two workers of each of two providers at random: covered, vouched for, departing, backed or not.
/// Whatever an ended hour's weights say has been paid out to the unit, however long attestations last and in
/// whatever order workers were counted. forge-config: default.fuzz.runs = 8
contract WalksTest is EconomyTest {
    uint256 private constant STEPS = 120;
    address[4] private machines = [address(0x101), address(0x102), address(0x103), address(0x104)];
    mapping(address provider => uint256) private paid;

    function setUp() public override {
        super.setUp();
        for (uint256 i; i < 4; ++i) {
            fake.join(machines[i], i < 2 ? provider : other);
        }
        put(provider, provider, 20_000 * ONE);
        put(other, other, 20_000 * ONE);
    }

    function testFuzz_counted_hours_are_paid_with_an_hour_of_coverage(uint256 seed) public {
        walk(seed, 1 hours);
    }

    function testFuzz_counted_hours_are_paid_with_more_than_an_hour_of_coverage(
        uint256 seed,
        uint256 minutes_
    ) public {
        walk(seed, (61 + minutes_ % (24 * 60 - 61)) * 1 minutes);
    }

    function testFuzz_counted_hours_are_paid_while_the_period_of_coverage_changes(uint256 seed) public {
        walk(seed, 0);
    }

    /// @dev One that lost an hour's whole budget: a pool's second worker counted for an earlier hour than
    /// its first.
    function test_a_walk_in_which_an_earlier_hour_is_counted_after_a_later_one() public {
        walk(1_134_122_396_405_362_427_654_069_140_671_907_582, 3 hours);
    }

    function test_an_hour_counted_after_a_later_one_is_paid() public {
        toEpoch(4, 1_800);
        fake.cover(machines[0], 1 hours);
        fake.confirm(machines[0], "h100", 1, 10 hours);
        vm.prank(provider);
        stake.syncCollateral(machines[0]);
        // The other one joins during epoch 5 and counts from epoch 6 on.
        toEpoch(5, 600);
        fake.cover(machines[1], 2 hours);
        fake.confirm(machines[1], "h100", 1, 10 hours);
        vm.prank(provider);
        stake.syncCollateral(machines[1]);
        vm.assertEq(emission.poolStandingOf(provider).pendingFrom, 7);
        // The first one renews, and counts for epoch 5 as well.
        toEpoch(5, 1_200);
        fake.cover(machines[0], 2 hours);
        vm.assertEq(emission.poolStandingOf(provider).pendingFrom, 6);
        toEpoch(10, 0);
        vm.assertEq(emission.pendingOf(provider), emission.gpuBudgetOf(5) + emission.gpuBudgetOf(6));
    }

    function walk(uint256 seed, uint256 period) private {
        for (uint256 i; i < STEPS; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + seed % 1_500);
            take();
            act(seed, period != 0 ? period : 1 hours + (seed >> 160) % 23 hours);
        }
        vm.warp(block.timestamp + 30 hours);
        take();
        uint256 last = emission.epochAt(block.timestamp);
        vm.assertEq(paid[provider], due(provider, last), "first pool");
        vm.assertEq(paid[other], due(other, last), "second pool");
    }

    function act(uint256 seed, uint256 period) private {
        uint256 which = (seed >> 64) % 16;
        address machine = machines[(seed >> 80) % 4];
        if (which < 6) {
            fake.cover(machine, period);
        } else if (which < 11) {
            fake.confirm(machine, "h100", 1 + (seed >> 96) % 2, period);
        } else if (which == 11) {
            fake.depart(machine);
        } else if (which < 15) {
            vm.prank((seed >> 80) % 4 < 2 ? provider : other);
            try stake.syncCollateral(machine) {} catch {}
        } else {
            vm.warp(block.timestamp + (seed >> 128) % 30 hours);
        }
    }

    function take() private {
        address[2] memory pools = [provider, other];
        for (uint256 i; i < 2; ++i) {
            vm.prank(address(stake));
            (uint256 amount,) = emission.settle(pools[i]);
            paid[pools[i]] += amount;
        }
    }

    function due(address pool, uint256 last) private view returns (uint256 sum) {
        for (uint256 epoch; epoch < last; ++epoch) {
            (uint256 weight, uint256 total) = emission.weightsOf(pool, epoch);
            if (weight != 0) sum += emission.gpuBudgetOf(epoch) * weight / total;
        }
    }
}
