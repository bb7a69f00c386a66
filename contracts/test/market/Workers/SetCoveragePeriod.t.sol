// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersSetCoveragePeriodTest is Network {
    function test_coverage_period_is_bounded_and_governed() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        workers.setCoveragePeriod(120);
        bytes memory tooShort = abi.encodeCall(IWorkers.setCoveragePeriod, (59));
        vm.prank(governance);
        workers.announce(tooShort);
        change(governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (120)));
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 59, 60, 86_400));
        workers.setCoveragePeriod(59);
        vm.assertEq(workers.coveragePeriod(), 120);
    }
}
