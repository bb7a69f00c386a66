// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../../src/attestation/Admission.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {change} from "../../stages/Economy.sol";
import {Network} from "../../stages/Network.sol";

/// @dev What governance may let in and keep out, and how fast.
abstract contract AdmissionStage is Network {
    bytes32 internal constant SPY = keccak256("a guest that looks into what tenants run");
    bytes32 internal immutable GUEST_MEASUREMENT = SoftwarePlatform.measurementOf(keccak256("guest"));
    bytes6 internal constant FMSPC = SoftwarePlatform.FMSPC;

    function setUp() public override {
        super.setUp();
        register();
        attest();
    }

    /// @dev A change that is refused until 22 days after it was announced, can be called off, and is made
    /// then.
    function waits(bytes memory call) internal {
        bytes32 id = keccak256(call);
        fails(governance, call, abi.encodeWithSelector(Announcements.NotAnnounced.selector, id));
        vm.prank(governance);
        admission.announce(call);
        vm.warp(block.timestamp + 22 days - 1);
        fails(
            governance, call, abi.encodeWithSelector(Announcements.TooEarly.selector, id, block.timestamp + 1)
        );
        vm.prank(governance);
        admission.callOff(id);
        vm.warp(block.timestamp + 1);
        fails(governance, call, abi.encodeWithSelector(Announcements.NotAnnounced.selector, id));
        change(governance, admission, call);
    }

    function fails(address caller, bytes memory call, bytes memory reason) internal {
        vm.prank(caller);
        (bool success, bytes memory found) = address(admission).call(call);
        vm.assertTrue(!success);
        vm.assertEq(keccak256(found), keccak256(reason));
    }

    function refused(bytes memory reason) internal {
        vm.roll(block.number + 2);
        // Vendors' lists have to be fresh for a quote to be looked at.
        postLists();
        bytes memory quote = quoteFor(worker, block.number - 1);
        vm.prank(worker);
        vm.expectRevert(reason);
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, quote);
    }
}
