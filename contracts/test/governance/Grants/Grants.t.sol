// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grants} from "../../../src/governance/Grants.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IGrants} from "../../../src/interfaces/IGrants.sol";
import {vm} from "../../Vm.sol";
import {OpenToken} from "../../fakes/OpenToken.sol";

/// @dev The owner is the test itself.
contract GrantsTest {
    uint40 private constant START = 1_750_000_000;
    uint40 private constant DUE = START + 30 days;
    address private constant GRANTEE = address(0x6A);
    address private constant ANYBODY = address(0xA1);
    bytes32 private constant CONTENT = keccak256("a compiler");

    OpenToken private token;
    Grants private grants;
    uint256 private id;

    function setUp() public {
        vm.warp(START);
        token = new OpenToken(address(this));
        token.allotNow(address(this), 1_000e18);
        token.mint(address(this), 1_000e18);
        grants = new Grants(address(this));
        token.transfer(address(grants), 150e18);
        id = open(two());
    }

    function two() private pure returns (IGrants.Terms[] memory terms) {
        terms = new IGrants.Terms[](2);
        terms[0] = IGrants.Terms(100e18, DUE, 10 days);
        terms[1] = IGrants.Terms(50e18, DUE + 30 days, 0);
    }

    function open(IGrants.Terms[] memory terms) private returns (uint256) {
        return grants.open(GRANTEE, address(token), CONTENT, terms);
    }

    function withdrawable(uint256 index) private view returns (uint256) {
        return grants.withdrawable(id, index);
    }

    function test_open_sets_the_sum_aside_and_says_what_there_is() public view {
        vm.assertEq(id, 1);
        vm.assertEq(grants.count(), 1);
        vm.assertEq(token.balanceOf(address(grants)), 150e18);
        vm.assertEq(grants.free(address(token)), 0);
        vm.assertEq(grants.bookOf(address(token)).reserved, 150e18);
        (
            address grantee,
            address paidIn,
            bytes32 content,
            bool isCancelled,
            IGrants.Milestone[] memory found
        ) = grants.grantOf(id);
        vm.assertEq(grantee, GRANTEE);
        vm.assertEq(paidIn, address(token));
        vm.assertEq(content, CONTENT);
        vm.assertTrue(!isCancelled);
        vm.assertEq(found.length, 2);
        vm.assertEq(found[1].amount, 50e18);
        vm.assertEq(found[1].due, DUE + 30 days);
        (,,,, found) = grants.grantOf(2);
        vm.assertEq(found.length, 0);
    }

    function test_open_takes_nothing_that_is_promised_to_others() public {
        bytes memory refusal =
            abi.encodeWithSelector(IGrants.PoolTooSmall.selector, address(token), 150e18 - 1, 150e18);
        token.transfer(address(grants), 150e18 - 1);
        vm.expectRevert(refusal);
        open(two());
        token.transfer(address(grants), 1);
        vm.assertEq(open(two()), 2);
        vm.assertEq(grants.bookOf(address(token)).granted, 300e18);
    }

    function test_the_treasury_takes_back_what_nobody_was_granted() public {
        token.transfer(address(grants), 7e18);
        vm.expectRevert(abi.encodeWithSelector(IGrants.PoolTooSmall.selector, address(token), 7e18, 7e18 + 1));
        grants.reclaim(address(token), 7e18 + 1);
        vm.expectRevert(Errors.ZeroAmount.selector);
        grants.reclaim(address(token), 0);
        grants.reclaim(address(token), 7e18);
        vm.assertEq(token.balanceOf(address(this)), 850e18);
        vm.assertEq(token.balanceOf(address(grants)), 150e18);
        vm.prank(ANYBODY);
        vm.expectRevert(abi.encodeWithSelector(IGrants.NotGrantsOwner.selector, ANYBODY));
        grants.reclaim(address(token), 1);
    }

    function test_grants_in_one_token_do_not_touch_another() public {
        OpenToken other = new OpenToken(address(this));
        other.allotNow(address(this), 10e18);
        other.mint(address(grants), 10e18);
        IGrants.Terms[] memory terms = new IGrants.Terms[](1);
        terms[0] = IGrants.Terms(10e18, DUE, 0);
        uint256 second = grants.open(GRANTEE, address(other), CONTENT, terms);
        grants.confirm(second, 0);
        grants.withdraw(second, 0);
        vm.assertEq(other.balanceOf(GRANTEE), 10e18);
        vm.assertEq(token.balanceOf(address(grants)), 150e18);
        vm.assertEq(grants.bookOf(address(token)).paid, 0);
    }

    function test_only_the_owner_opens_confirms_and_cancels() public {
        bytes memory refusal = abi.encodeWithSelector(IGrants.NotGrantsOwner.selector, GRANTEE);
        vm.prank(GRANTEE);
        vm.expectRevert(refusal);
        open(two());
        vm.prank(GRANTEE);
        vm.expectRevert(refusal);
        grants.confirm(id, 0);
        vm.prank(GRANTEE);
        vm.expectRevert(refusal);
        grants.cancel(id);
    }

    function test_open_refuses_terms_that_can_not_be() public {
        vm.expectRevert(abi.encodeWithSelector(IGrants.MilestoneCount.selector, 0, 16));
        open(new IGrants.Terms[](0));
        vm.expectRevert(abi.encodeWithSelector(IGrants.MilestoneCount.selector, 17, 16));
        open(new IGrants.Terms[](17));
        vm.expectRevert(Errors.ZeroAddress.selector);
        grants.open(address(0), address(token), CONTENT, two());
        expectBad(IGrants.Terms(0, DUE, 0));
        expectBad(IGrants.Terms(1, START, 0));
        expectBad(IGrants.Terms(1, START + 4 * 365 days + 1, 0));
        expectBad(IGrants.Terms(1, DUE, 4 * 365 days + 1));
    }

    function expectBad(IGrants.Terms memory bad) private {
        IGrants.Terms[] memory terms = two();
        terms[1] = bad;
        vm.expectRevert(abi.encodeWithSelector(IGrants.BadMilestone.selector, 1));
        open(terms);
    }

    function test_a_milestone_pays_nothing_before_it_is_confirmed() public {
        vm.warp(START + 5 days);
        vm.assertEq(withdrawable(0), 0);
        vm.expectRevert(Errors.ZeroAmount.selector);
        grants.withdraw(id, 0);
    }

    function test_a_milestone_streams_from_its_confirmation_and_anybody_has_it_paid() public {
        vm.warp(DUE);
        grants.confirm(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IGrants.ConfirmedAlready.selector, id, 0));
        grants.confirm(id, 0);
        vm.warp(DUE + 1 days);
        vm.prank(ANYBODY);
        vm.assertEq(grants.withdraw(id, 0), 10e18);
        vm.assertEq(token.balanceOf(GRANTEE), 10e18);
        vm.warp(DUE + 400 days);
        grants.withdraw(id, 0);
        vm.assertEq(token.balanceOf(GRANTEE), 100e18);
        vm.expectRevert(Errors.ZeroAmount.selector);
        grants.withdraw(id, 0);
    }

    function test_a_milestone_without_duration_is_paid_at_once() public {
        grants.confirm(id, 1);
        vm.assertEq(grants.withdraw(id, 1), 50e18);
    }

    function test_a_milestone_that_is_late_is_confirmed_by_nobody_and_sent_back_by_anybody() public {
        vm.warp(DUE);
        vm.expectRevert(abi.encodeWithSelector(IGrants.MilestoneNotOverdue.selector, DUE));
        grants.sendBack(id, 0);
        vm.warp(DUE + 1);
        vm.expectRevert(abi.encodeWithSelector(IGrants.MilestoneOverdue.selector, DUE));
        grants.confirm(id, 0);
        vm.prank(ANYBODY);
        vm.assertEq(grants.sendBack(id, 0), 100e18);
        vm.assertEq(grants.free(address(token)), 100e18);
        vm.expectRevert(Errors.ZeroAmount.selector);
        grants.sendBack(id, 0);
        grants.confirm(id, 1);
        vm.warp(DUE + 60 days);
        vm.expectRevert(abi.encodeWithSelector(IGrants.ConfirmedAlready.selector, id, 1));
        grants.sendBack(id, 1);
    }

    function test_cancel_leaves_what_has_streamed_and_returns_the_rest() public {
        grants.confirm(id, 0);
        vm.warp(START + 4 days);
        grants.withdraw(id, 0);
        vm.warp(START + 5 days);
        vm.assertEq(grants.cancel(id), 100e18);
        vm.assertEq(grants.free(address(token)), 100e18);
        vm.warp(START + 20 days);
        vm.assertEq(grants.withdraw(id, 0), 10e18);
        vm.assertEq(token.balanceOf(GRANTEE), 50e18);
        vm.assertEq(grants.free(address(token)), token.balanceOf(address(grants)));
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantNotOpen.selector, id));
        grants.cancel(id);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantNotOpen.selector, id));
        grants.confirm(id, 1);
        vm.warp(DUE + 60 days);
        vm.expectRevert(Errors.ZeroAmount.selector);
        grants.sendBack(id, 1);
    }

    function test_there_is_nothing_of_a_milestone_that_there_is_not() public {
        bytes memory refusal = abi.encodeWithSelector(IGrants.UnknownMilestone.selector, id, 2);
        vm.expectRevert(refusal);
        grants.withdrawable(id, 2);
        vm.expectRevert(refusal);
        grants.withdraw(id, 2);
        vm.expectRevert(refusal);
        grants.confirm(id, 2);
        vm.expectRevert(refusal);
        grants.sendBack(id, 2);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantNotOpen.selector, 9));
        grants.cancel(9);
    }

    function test_it_is_deployed_with_an_owner() public {
        vm.expectRevert(Errors.ZeroAddress.selector);
        new Grants(address(0));
    }

    function testFuzz_what_streams_never_exceeds_the_amount_nor_falls(
        uint96 amount,
        uint40 duration,
        uint40 at
    ) public {
        amount = uint96(1 + amount % 800e18);
        duration = uint40(duration % (4 * 365 days));
        IGrants.Terms[] memory terms = new IGrants.Terms[](1);
        terms[0] = IGrants.Terms(amount, DUE, duration);
        token.transfer(address(grants), amount);
        uint256 own = open(terms);
        grants.confirm(own, 0);
        vm.warp(uint256(START) + at % (5 * 365 days));
        uint256 first = grants.withdrawable(own, 0);
        vm.assertLe(first, amount);
        vm.warp(block.timestamp + 1 days);
        vm.assertGe(grants.withdrawable(own, 0), first);
        vm.warp(START + 5 * 365 days);
        vm.assertEq(grants.withdrawable(own, 0), amount);
    }
}
