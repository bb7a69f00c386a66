// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {KeyService} from "../../../src/apps/KeyService.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {KeyServiceStage} from "./KeyServiceStage.sol";

contract KeyServiceSetManifestTest is KeyServiceStage {
    function test_a_new_manifest_leaves_those_who_are_seated() public {
        approve();
        take(0, lease);
        change(governance, service, abi.encodeCall(KeyService.setManifest, (keccak256("version 2"))));
        vm.assertTrue(!service.isFree(0));
    }

    function test_another_manifest_is_announced_and_there_is_no_way_round_that() public {
        vm.prank(governance);
        vm.expectRevert(Errors.ZeroHash.selector);
        service.setManifest(0);
        approve();
        bytes memory call = abi.encodeCall(KeyService.setManifest, (keccak256("a spy")));
        for (uint256 i; i < 2; ++i) {
            vm.prank(governance);
            vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(call)));
            service.setManifest(keccak256("a spy"));
            // Not by way of none, after which the next would be a first.
            bytes memory none = abi.encodeCall(KeyService.setManifest, (0));
            vm.prank(governance);
            service.announce(none);
            vm.warp(block.timestamp + 22 days);
            vm.prank(governance);
            vm.expectRevert(Errors.ZeroHash.selector);
            service.setManifest(0);
        }
        change(governance, service, call);
        vm.assertEq(service.manifestHash(), keccak256("a spy"));
    }

    function test_only_governance_names_the_manifest_and_vacates() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.setManifest(keccak256("manifest"));
        approve();
        take(0, lease);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        service.vacate(0);
        vm.prank(governance);
        service.vacate(0);
        vm.assertTrue(service.isFree(0));
    }
}
