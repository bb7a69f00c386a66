// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersRegisterTest is Network {
    function test_register_records_the_provider_and_refuses_a_second_time() public {
        register();
        IWorkers.Worker memory w = workers.workerOf(worker);
        vm.assertEq(w.provider, provider);
        vm.assertEq(w.registeredAt, block.timestamp);
        vm.assertEq(w.description.cpuMilli, 4_000);
        bytes memory signature = sign(WORKER_KEY, joinDigest(stranger, worker));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.AlreadyRegistered.selector, worker));
        workers.register(worker, describe(), signature);
    }

    function test_register_needs_the_worker_keys_consent() public {
        bytes memory forSomebodyElse = sign(WORKER_KEY, joinDigest(stranger, worker));
        vm.prank(provider);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.register(worker, describe(), forSomebodyElse);
        vm.prank(provider);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.register(worker, describe(), hex"1234");
        vm.prank(provider);
        vm.expectRevert(Errors.ZeroAddress.selector);
        workers.register(address(0), describe(), hex"");
    }
}
