// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Slashing} from "../../../src/economy/Slashing.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingSetPenaltyTest is SlashingStage {
    function test_penalties_have_bounds() public {
        bytes[2] memory beyond = [
            abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1_001, 0)),
            abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1, 2_001))
        ];
        for (uint256 i; i < 2; ++i) {
            vm.prank(governance);
            slashing.announce(beyond[i]);
        }
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1_001, 0, 1_000));
        slashing.setPenalty(ISlashing.Offence.Bids, 1_001, 0);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 2_001, 0, 2_000));
        slashing.setPenalty(ISlashing.Offence.Bids, 1, 2_001);
        change(governance, slashing, abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Bids, 1, 1)));
        vm.assertEq(slashing.penaltyBps(ISlashing.Offence.Bids), 1);
    }
}
