// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {Schedule} from "../../../src/libraries/Schedule.sol";
import {vm} from "../../Vm.sol";
import {EmissionStage} from "./EmissionStage.sol";

contract EmissionCollectTest is EmissionStage {
    function test_the_treasury_gets_its_part_and_hours_that_nobody_earned() public {
        serve(worker, provider, "h100", 1);
        for (uint256 epoch; epoch < 4; ++epoch) {
            toEpoch(epoch, 0);
            if (epoch != 2) renew(worker, "h100", 1);
        }
        // Coverage ended at the third hour's beginning: epochs 0, 1 and 3 count, if the next one comes.
        toEpoch(10, 0);
        uint256 unearned = Schedule.forStake(10 hours) - 2 * BUDGET - (emission.gpuBudgetOf(3));
        emission.collect(3);
        vm.assertEq(emission.collectedTo(), 3);
        emission.collect(100);
        vm.assertEq(emission.collectedTo(), 10);
        vm.assertLe(near(token.balanceOf(treasury), Schedule.forTreasury(10 hours) + unearned), 3);
        vm.expectRevert(Errors.ZeroAmount.selector);
        emission.collect(100);
        // And all of it is there, to a few units.
        stake.claimReward(provider, provider);
        vm.assertLe(near(emission.minted(), Schedule.emitted(10 hours)), 10);
        vm.assertLe(emission.minted(), Schedule.emitted(10 hours));
    }

    function near(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : b - a;
    }
}
