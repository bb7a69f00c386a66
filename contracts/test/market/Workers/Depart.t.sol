// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Coverage} from "../../../src/libraries/Coverage.sol";
import {vm} from "../../Vm.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersDepartTest is Network {
    function test_depart_ends_coverage_and_voids_quotes_made_before() public {
        register();
        attest();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory before = quoteFor(worker, number);
        vm.warp(block.timestamp + 100);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotProviderOrWorker.selector, stranger));
        workers.depart(worker);
        vm.prank(worker);
        workers.depart(worker);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(Coverage.EvidenceReplayed.selector, number, block.number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, before);
        vm.warp(block.timestamp + 1_000);
        vm.assertEq(workers.covered(worker, block.timestamp), 100);
        attest();
        vm.warp(block.timestamp + 7);
        vm.assertEq(workers.covered(worker, block.timestamp), 107);
    }
}
