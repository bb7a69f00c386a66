// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersDescribeTest is Network {
    function test_describe_is_the_providers() public {
        register();
        IWorkers.Description memory d = describe();
        d.endpoint = "https://elsewhere.example";
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        workers.describe(worker, d);
        vm.prank(provider);
        workers.describe(worker, d);
        vm.assertEq(
            keccak256(bytes(workers.workerOf(worker).description.endpoint)), keccak256(bytes(d.endpoint))
        );
    }
}
