// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {PlatformsStage} from "./PlatformsStage.sol";

contract PlatformsHoldTest is PlatformsStage {
    function test_a_platform_serves_one_provider_and_changes_hands_when_coverage_ended() public {
        attestOnce();
        uint256 until = block.timestamp + 1 hours;
        address second = vm.addr(0x2222);
        bytes memory signature = sign(0x2222, joinDigest(stranger, second));
        vm.prank(stranger);
        workers.register(second, describe(), signature);
        bytes memory quote = SoftwarePlatform.quote(guestFor(second, number), PCK);
        bytes32 platform = platforms.pckKeyOf(pckKey).platform;
        vm.prank(second);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.PlatformHeld.selector, platform, provider, until));
        workers.attest(second, pckKey, number, TLS_KEY_HASH, quote);
        vm.warp(until);
        attestWith(second, pckKey, number, quote);
        vm.assertEq(workers.holderOf(platform).provider, stranger);
        // Now it is the first provider who has to wait.
        number = block.number;
        vm.roll(block.number + 2);
        quote = quoteFor(worker, number);
        vm.prank(worker);
        vm.expectRevert(
            abi.encodeWithSelector(IWorkers.PlatformHeld.selector, platform, stranger, until + 1 hours)
        );
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function test_a_platform_may_have_several_workers_of_one_provider() public {
        attestOnce();
        address second = vm.addr(0x2222);
        bytes memory signature = sign(0x2222, joinDigest(provider, second));
        vm.prank(provider);
        workers.register(second, describe(), signature);
        attestWith(second, pckKey, number, SoftwarePlatform.quote(guestFor(second, number), PCK));
        (,, uint256 until) = workers.billing(second);
        vm.assertEq(until, block.timestamp + 1 hours);
    }
}
