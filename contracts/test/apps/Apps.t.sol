// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Apps} from "../../src/apps/Apps.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IApps} from "../../src/interfaces/IApps.sol";
import {vm} from "../Vm.sol";

contract AppsTest {
    bool public constant IS_TEST = true;

    address private owner = address(0xA);
    address private stranger = address(0xB);
    bytes32 private constant MANIFEST = keccak256("manifest");
    bytes32 private constant NEXT = keccak256("next manifest");
    bytes32 private constant MEASUREMENT = keccak256("guest");
    uint256 private constant DELAY = 3 days;

    Apps private apps;
    bytes32 private app;

    function setUp() public {
        vm.warp(1_750_000_000);
        apps = new Apps();
        vm.prank(owner);
        app = apps.register("shop", DELAY, one(MANIFEST), one(MEASUREMENT));
    }

    function test_the_first_policy_counts_at_once_and_for_the_owner_alone() public {
        vm.assertEq(app, apps.appOf(owner, "shop"));
        vm.assertTrue(apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.assertTrue(!apps.mayHaveKeys(app, stranger, MANIFEST, MEASUREMENT));
        vm.assertTrue(!apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT));
        vm.assertTrue(!apps.mayHaveKeys(app, owner, MANIFEST, NEXT));
        vm.assertTrue(!apps.mayHaveKeys(keccak256("no app"), address(0), MANIFEST, MEASUREMENT));
    }

    function test_a_name_is_the_owners_and_taken_once() public {
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.AppExists.selector, app));
        apps.register("shop", 0, one(NEXT), one(MEASUREMENT));
        vm.prank(stranger);
        bytes32 other = apps.register("shop", 0, one(NEXT), one(MEASUREMENT));
        vm.assertTrue(other != app);
        vm.prank(owner);
        vm.expectRevert(IApps.EmptyName.selector);
        apps.register("", 0, one(NEXT), one(MEASUREMENT));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 366 days, 0, 365 days));
        apps.register("slow", 366 days, one(NEXT), one(MEASUREMENT));
    }

    function test_what_is_newly_allowed_waits_and_what_is_forbidden_does_not() public {
        vm.prank(owner);
        apps.allowManifest(app, NEXT);
        vm.warp(block.timestamp + DELAY - 1);
        vm.assertTrue(!apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT));
        // Saying it again changes nothing.
        vm.prank(owner);
        apps.allowManifest(app, NEXT);
        vm.warp(block.timestamp + 1);
        vm.assertTrue(apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT));
        vm.prank(owner);
        apps.forbidManifest(app, NEXT);
        vm.assertTrue(!apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT));
        vm.assertTrue(apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.prank(owner);
        apps.forbidMeasurement(app, MEASUREMENT);
        vm.assertTrue(!apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.prank(owner);
        apps.allowMeasurement(app, MEASUREMENT);
        vm.assertTrue(!apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
    }

    function test_a_shorter_delay_waits_for_the_longer_one() public {
        vm.prank(owner);
        apps.setUpgradeDelay(app, 0);
        vm.assertEq(apps.upgradeDelayOf(app), DELAY);
        vm.prank(owner);
        apps.allowManifest(app, NEXT);
        vm.assertEq(apps.manifestAllowedFrom(app, NEXT), block.timestamp + DELAY);
        vm.warp(block.timestamp + DELAY);
        vm.assertEq(apps.upgradeDelayOf(app), 0);
        vm.prank(owner);
        apps.setUpgradeDelay(app, 10 days);
        vm.assertEq(apps.upgradeDelayOf(app), 10 days);
        // A shorter one that waits doesn't undo a longer one that came after it.
        vm.prank(owner);
        apps.setUpgradeDelay(app, 1 days);
        vm.prank(owner);
        apps.setUpgradeDelay(app, 20 days);
        vm.warp(block.timestamp + 15 days);
        vm.assertEq(apps.upgradeDelayOf(app), 20 days);
    }

    function test_frozen_is_for_good() public {
        vm.prank(owner);
        apps.allowManifest(app, NEXT);
        vm.prank(owner);
        apps.freeze(app);
        vm.warp(block.timestamp + 2 * DELAY);
        vm.assertTrue(apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.assertTrue(!apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT), "announced before, due after");
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.AppFrozen.selector, app));
        apps.allowManifest(app, keccak256("third"));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.AppFrozen.selector, app));
        apps.allowMeasurement(app, keccak256("other guest"));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.AppFrozen.selector, app));
        apps.setUpgradeDelay(app, 0);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.AppFrozen.selector, app));
        apps.freeze(app);
        vm.prank(owner);
        apps.forbidManifest(app, MANIFEST);
        vm.assertTrue(!apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
    }

    function test_only_the_owner_changes_anything_and_hands_it_over_in_two_steps() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IApps.NotAppOwner.selector, stranger));
        apps.allowManifest(app, NEXT);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IApps.NotAppOwner.selector, stranger));
        apps.freeze(app);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IApps.NotPendingOwner.selector, stranger));
        apps.takeOwnership(app);
        vm.prank(owner);
        apps.offerOwnership(app, stranger);
        vm.assertTrue(apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.prank(stranger);
        apps.takeOwnership(app);
        vm.assertTrue(apps.mayHaveKeys(app, stranger, MANIFEST, MEASUREMENT));
        vm.assertTrue(!apps.mayHaveKeys(app, owner, MANIFEST, MEASUREMENT));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IApps.NotAppOwner.selector, owner));
        apps.forbidManifest(app, MANIFEST);
    }

    /// @dev Whatever is announced, changed and waited for, nothing new counts before the delay that held has
    /// passed.
    function testFuzz_nothing_new_counts_early(uint32 lowered, uint32 waits, uint32 more) public {
        uint256 to = lowered % DELAY;
        uint256 first = waits % (2 * DELAY);
        uint256 second = more % (2 * DELAY);
        uint256 start = block.timestamp;
        vm.prank(owner);
        apps.setUpgradeDelay(app, to);
        vm.warp(start + first);
        vm.prank(owner);
        apps.allowManifest(app, NEXT);
        vm.warp(start + first + second);
        uint256 held = first >= DELAY ? to : DELAY;
        vm.assertTrue(apps.mayHaveKeys(app, owner, NEXT, MEASUREMENT) == (second >= held));
    }

    function one(bytes32 value) private pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = value;
    }
}
