// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Admission} from "../../src/attestation/Admission.sol";
import {GUEST, IAdmission, VERIFIER} from "../../src/interfaces/IAdmission.sol";
import {Announcements} from "../../src/libraries/Announcements.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {change} from "../stages/Economy.sol";
import {Network} from "../stages/Network.sol";

/// @dev What governance may let in and keep out, and how fast.
contract AdmissionTest is Network {
    bytes32 private constant SPY = keccak256("an image that looks into what tenants run");
    bytes32 private immutable GUEST_IMAGE = SoftwarePlatform.imageId(keccak256("guest"));
    bytes6 private constant FMSPC = SoftwarePlatform.FMSPC;

    function setUp() public override {
        super.setUp();
        register();
        attest();
    }

    // LETTING IN

    function test_nobody_lets_an_image_in_before_everybody_could_have_left() public {
        bytes memory call = abi.encodeCall(Admission.setImage, (SPY, GUEST | VERIFIER));
        waits(call);
        vm.assertEq(admission.rolesOf(SPY), 3);
    }

    function test_nobody_lowers_a_floor_or_lengthens_it_before_everybody_could_have_left() public {
        IAdmission.Floor memory nothing;
        nothing.expiry = type(uint48).max;
        waits(abi.encodeCall(Admission.setFloor, (FMSPC, nothing)));
        vm.assertEq(admission.floorOf(FMSPC).expiry, type(uint48).max);
        // Another family's first floor lets machines in as well.
        waits(abi.encodeCall(Admission.setFloor, (hex"00a06f000000", nothing)));
    }

    function test_what_keeps_out_for_good_is_announced_too() public {
        waits(abi.encodeCall(Admission.setImage, (GUEST_IMAGE, 0)));
        refused(abi.encodeWithSelector(IAdmission.ImageNotAllowed.selector, GUEST_IMAGE));
    }

    function test_a_raised_floor_is_none_below_the_one_that_was_set() public {
        vm.roll(block.number + 2);
        SoftwarePlatform.Guest memory old = guestFor(worker, block.number - 1);
        old.qeSvn = 3;
        IAdmission.Floor memory nothing;
        nothing.expiry = type(uint48).max;
        vm.prank(governance);
        admission.raiseFloor(FMSPC, nothing);
        bytes memory quote = SoftwarePlatform.quote(old, PCK);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, quote);
    }

    function test_taking_a_suspension_back_gives_an_image_no_role_that_it_had_not() public {
        vm.prank(governance);
        admission.suspendImage(SPY, GUEST);
        vm.prank(governance);
        admission.suspendImage(SPY, 0);
        vm.assertEq(admission.rolesOf(SPY), 0);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, 0xff);
        vm.assertEq(admission.rolesOf(GUEST_IMAGE), 0);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, VERIFIER);
        vm.assertEq(admission.rolesOf(GUEST_IMAGE), GUEST);
    }

    // KEEPING OUT

    function test_an_image_with_a_hole_is_suspended_at_once_and_what_was_covered_stays_so_until_it_ends()
        public
    {
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, GUEST);
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        refused(abi.encodeWithSelector(IAdmission.ImageNotAllowed.selector, GUEST_IMAGE));
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, 0);
        attest();
    }

    function test_a_suspension_ends_after_29_days_and_another_begins_after_22_more() public {
        uint256 began = block.timestamp;
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, GUEST);
        // However often it is changed, it ends when it would have.
        vm.warp(began + 20 days);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, 0);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, GUEST);
        vm.warp(began + 29 days - 1);
        refused(abi.encodeWithSelector(IAdmission.ImageNotAllowed.selector, GUEST_IMAGE));
        vm.warp(began + 29 days);
        attest();
        for (uint256 i; i < 2; ++i) {
            vm.warp(began + 29 days + i * (22 days - 1));
            vm.prank(governance);
            vm.expectRevert(abi.encodeWithSelector(IAdmission.SuspendedRecently.selector, began + 51 days));
            admission.suspendImage(GUEST_IMAGE, GUEST);
        }
        vm.warp(began + 51 days);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, GUEST);
        vm.assertEq(admission.rolesOf(GUEST_IMAGE), 0);
    }

    function test_a_raised_floor_ends_after_29_days_and_another_is_raised_after_22_more() public {
        uint256 began = block.timestamp;
        IAdmission.Floor memory high = floor();
        high.pceSvn = 0xffff;
        raise(high);
        refused(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        vm.warp(began + 28 days);
        vm.prank(governance);
        admission.lowerFloor(FMSPC);
        attest();
        raise(high);
        (IAdmission.Floor memory raised, uint256 until) = admission.raisedFloorOf(FMSPC);
        vm.assertEq(raised.pceSvn, 0xffff);
        vm.assertEq(until, began + 29 days);
        vm.warp(began + 29 days);
        (, until) = admission.raisedFloorOf(FMSPC);
        vm.assertEq(until, 0);
        attest();
        vm.warp(began + 51 days - 1);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IAdmission.SuspendedRecently.selector, began + 51 days));
        admission.raiseFloor(FMSPC, high);
        vm.warp(began + 51 days);
        raise(high);
    }

    function test_what_is_suspended_today_is_out_for_good_without_a_gap_where_that_is_announced_today()
        public
    {
        bytes memory call = abi.encodeCall(Admission.setImage, (GUEST_IMAGE, 0));
        vm.prank(governance);
        admission.announce(call);
        vm.prank(governance);
        admission.suspendImage(GUEST_IMAGE, GUEST);
        uint256 end = block.timestamp + 29 days;
        vm.warp(end - 1);
        vm.assertEq(admission.rolesOf(GUEST_IMAGE), 0);
        vm.prank(governance);
        admission.setImage(GUEST_IMAGE, 0);
        vm.warp(end);
        vm.assertEq(admission.rolesOf(GUEST_IMAGE), 0);
    }

    function test_nobody_but_governance_changes_anything() public {
        bytes[5] memory calls = [
            abi.encodeCall(Admission.setFloor, (FMSPC, floor())),
            abi.encodeCall(Admission.setImage, (SPY, GUEST)),
            abi.encodeCall(Admission.raiseFloor, (FMSPC, floor())),
            abi.encodeCall(Admission.lowerFloor, (FMSPC)),
            abi.encodeCall(Admission.suspendImage, (GUEST_IMAGE, GUEST))
        ];
        for (uint256 i; i < 5; ++i) {
            fails(
                stranger,
                calls[i],
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger)
            );
        }
    }

    /// @dev A change that is refused until 22 days after it was announced, can be called off, and is made
    /// then.
    function waits(bytes memory call) private {
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

    function fails(address caller, bytes memory call, bytes memory reason) private {
        vm.prank(caller);
        (bool success, bytes memory found) = address(admission).call(call);
        vm.assertTrue(!success);
        vm.assertEq(keccak256(found), keccak256(reason));
    }

    function raise(IAdmission.Floor memory f) private {
        vm.prank(governance);
        admission.raiseFloor(FMSPC, f);
    }

    function refused(bytes memory reason) private {
        vm.roll(block.number + 2);
        // Vendors' lists have to be fresh for a quote to be looked at.
        postLists();
        bytes memory quote = quoteFor(worker, block.number - 1);
        vm.prank(worker);
        vm.expectRevert(reason);
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, quote);
    }
}
