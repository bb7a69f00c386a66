// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IEmission} from "../../../src/interfaces/IEmission.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {EmissionStage} from "./EmissionStage.sol";

contract EmissionSetClassWeightTest is EmissionStage {
    function test_a_class_counts_as_governance_weighs_it_in_hours_that_are_not_over() public {
        serve(worker, provider, "h100", 1);
        toEpoch(0, 3_000);
        renew(worker, "h100", 1);
        bytes32 announced = emission.announce(abi.encodeCall(IEmission.setClassWeight, ("h100", 20)));
        emission.announce(abi.encodeCall(IEmission.setClassWeight, ("h100", 1_001)));
        vm.expectRevert(
            abi.encodeWithSelector(Announcements.TooEarly.selector, announced, block.timestamp + 22 days)
        );
        emission.setClassWeight("h100", 20);
        toEpoch(22 * 24, 3_000);
        renew(worker, "h100", 1);
        toEpoch(22 * 24 + 1, 3_000);
        renew(worker, "h100", 1);
        (uint256 pool,) = emission.weightsOf(provider, 22 * 24 + 1);
        vm.assertEq(pool, 10);
        emission.setClassWeight("h100", 20);
        emission.weigh(worker);
        (pool,) = emission.weightsOf(provider, 22 * 24 + 1);
        vm.assertEq(pool, 20);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1_001, 0, 1_000));
        emission.setClassWeight("h100", 1_001);
        vm.prank(alice);
        vm.expectRevert();
        emission.setClassWeight("h100", 1);
    }
}
