// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../../Vm.sol";
import {EmissionStage} from "./EmissionStage.sol";

contract EmissionGasTest is EmissionStage {
    function test_gas_delegate_exit_and_claim() public {
        serve(worker, provider, "h100", 8);
        serve(secondWorker, other, "h200", 8);
        vm.prank(provider);
        stake.setCommission(500);
        put(bob, provider, 1_000 * ONE);
        for (uint256 epoch; epoch < 200; ++epoch) {
            toEpoch(epoch, 10);
            renew(worker, "h100", 8);
            renew(secondWorker, "h200", 8);
        }
        // In the fifth period of the schedule's walk a claim costs no more than in the first, to some
        // hundreds of gas.
        toEpoch(200, 20);
        renew(worker, "h100", 8);
        stake.claimReward(provider, provider);
        toEpoch(200, 40);
        put(alice, provider, 1_000 * ONE);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "delegate"), 200_000);
        for (uint256 epoch = 201; epoch <= 224; ++epoch) {
            toEpoch(epoch, 10);
            renew(worker, "h100", 8);
            renew(secondWorker, "h200", 8);
        }
        vm.prank(bob);
        stake.claimReward(provider, bob);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "claimReward of 24 epochs"), 150_000);
        stake.claimReward(provider, alice);
        vm.snapshotGasLastCall("Gas", "claimReward (settled)");
        (uint256 shares,,) = stake.positionOf(provider, alice);
        vm.prank(alice);
        uint256 id = stake.requestExit(provider, shares);
        vm.snapshotGasLastCall("Gas", "requestExit");
        vm.warp(block.timestamp + 21 days);
        vm.prank(alice);
        stake.withdraw(id);
        vm.snapshotGasLastCall("Gas", "withdraw (stake)");
        emission.collect(24);
        vm.snapshotGasLastCall("Gas", "collect of 24 epochs");
    }
}
