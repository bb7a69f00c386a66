// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersRetireTest is Network {
    function test_retire_is_final() public {
        register();
        attest();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        workers.retire(worker);
        vm.prank(provider);
        workers.retire(worker);
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp);
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.WorkerRetired.selector, worker));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }
}
