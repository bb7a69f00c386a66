// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {WorkersWordStage} from "./WorkersWordStage.sol";

contract WorkersWordAttestTest is WorkersWordStage {
    function test_anybody_renews_and_nobody_but_the_worker_undoes_a_departure_or_a_gap() public {
        attest();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        // A worker quotes any number for anybody, a block's hash too.
        bytes memory asked = quoteFor(worker, number);
        vm.prank(stranger);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.prank(provider);
        workers.depart(worker);
        vm.roll(block.number + 2);
        number = block.number - 1;
        asked = quoteFor(worker, number);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.prank(worker);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.warp(block.timestamp + 1 hours);
        vm.roll(block.number + 2);
        number = block.number - 1;
        asked = quoteFor(worker, number);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
    }

    function test_evidence_is_good_for_sixty_blocks() public {
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.roll(number + 61);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.BlockUnknown.selector, number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        vm.roll(number + 60);
        vm.prank(worker);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }
}
