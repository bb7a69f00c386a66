// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Token} from "../../../src/economy/Token.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {ITracks} from "../../../src/interfaces/ITracks.sol";
import {vm} from "../../Vm.sol";
import {FakeSafe} from "../../fakes/FakeSafe.sol";
import {Target} from "../../fakes/Target.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";
import {Row} from "../../stages/VoteRows.sol";

contract CarryOutTest is BallotBoxTest {
    // OUTCOME

    function test_a_ballot_needs_its_part_of_for_and_against_and_of_the_electorate() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        // 30,000 of 430,000 are too few, for and abstaining together.
        cast(id, SECOND, 1);
        vm.assertTrue(!ballots.ballotOf(id).isPassing);
        cast(id, FIRST, 3);
        vm.assertTrue(ballots.ballotOf(id).isPassing);
        // 30 to 100 are no three fifths.
        cast(id, PROVIDER, 2);
        vm.assertTrue(!ballots.ballotOf(id).isPassing);
        vm.warp(ballots.ballotOf(id).end);
        assertState(id, IBallots.State.Posting);
        vm.warp(block.timestamp + 1 days);
        assertState(id, IBallots.State.Rejected);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Rejected));
        ballots.queue(id, setting(7));
    }

    function test_a_majority_of_all_power_that_holds_passes_before_the_voting_ends() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        cast(id, HOLDER, 1);
        vm.assertEq(ballots.ballotOf(id).majoritySince, 0);
        cast(id, PROVIDER, 1);
        uint256 since = block.timestamp;
        vm.assertEq(ballots.ballotOf(id).majoritySince, since);
        vm.warp(since + 1 days - 1);
        assertState(id, IBallots.State.Voting);
        // It is lost and begins anew.
        cast(id, HOLDER, 2);
        cast(id, SECOND, 1);
        vm.assertEq(ballots.ballotOf(id).majoritySince, 0);
        vm.warp(block.timestamp + 1);
        cast(id, HOLDER, 1);
        vm.warp(block.timestamp + 1 days - 1);
        assertState(id, IBallots.State.Voting);
        vm.warp(block.timestamp + 1);
        assertState(id, IBallots.State.Passed);
        ballots.queue(id, setting(7));
        assertState(id, IBallots.State.Queued);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Queued));
        ballots.post(id, "");
    }

    function test_a_curve_that_falls_makes_a_majority_without_a_vote() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1);
        // 230 of 330 are more than half of all, and seven tenths of those who voted.
        cast(id, FIRST, 2);
        cast(id, SECOND, 1);
        cast(id, HOLDER, 1);
        vm.prank(proposer);
        ballots.vote(id, number(2), ALL);
        vm.assertEq(ballots.ballotOf(id).majoritySince, 0);
        vm.warp(block.timestamp + 4 days);
        ballots.post(id, "");
        vm.assertEq(ballots.ballotOf(id).majoritySince, block.timestamp);
    }

    function test_late_votes_that_turn_the_outcome_extend_it_once() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        Row memory kept = row(id, HOLDER, number(1), block.timestamp, ALL);
        uint256 end = ballots.ballotOf(id).end;
        vm.warp(end + 12 hours - 1);
        cast2(id, FIRST, 1, end - 1);
        vm.assertTrue(!ballots.ballotOf(id).isExtended);
        vm.warp(end + 1 days - 1);
        postRow(id, row(id, PROVIDER, number(2), end, ALL));
        vm.assertTrue(ballots.ballotOf(id).isExtended);
        assertState(id, IBallots.State.Voting);
        end = block.timestamp + 1 days;
        vm.assertEq(ballots.ballotOf(id).end, end);
        vm.warp(end + 1 days - 1);
        postRow(id, kept);
        vm.assertEq(ballots.ballotOf(id).end, end);
        vm.warp(end + 1 days);
        assertState(id, IBallots.State.Passed);
    }

    function cast2(bytes32 id, uint256 key, uint32 choice, uint256 timestamp) private {
        postRow(id, row(id, key, number(choice), timestamp, ALL));
    }

    // CARRY OUT

    function test_what_passed_is_queued_waits_and_is_executed_by_anybody_once() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        vm.expectRevert(IBallots.OtherCalls.selector);
        ballots.queue(id, setting(8));
        ballots.queue(id, setting(7));
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Queued));
        ballots.execute(id, setting(7));
        vm.warp(block.timestamp + 1);
        vm.expectRevert(IBallots.OtherCalls.selector);
        ballots.execute(id, setting(8));
        vm.prank(alice);
        ballots.execute(id, setting(7));
        vm.assertEq(target.value(), 7);
        assertState(id, IBallots.State.Executed);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Executed));
        ballots.execute(id, setting(7));
    }

    function test_what_nobody_queues_or_executes_expires() public {
        bytes32 first = propose(basic(PARAMETERS, setting(7)));
        bytes32 second = propose(basic(PARAMETERS, setting(8)));
        vm.warp(block.timestamp + 1 hours);
        cast(first, HOLDER, 1);
        passAndWait(second, setting(8));
        vm.warp(ballots.postingEndOf(first) + 14 days - 1);
        assertState(first, IBallots.State.Passed);
        vm.warp(block.timestamp + 1);
        assertState(first, IBallots.State.Expired);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, first, IBallots.State.Expired));
        ballots.queue(first, setting(7));
        vm.warp(ballots.ballotOf(second).executableAt + 14 days);
        assertState(second, IBallots.State.Expired);
        vm.expectRevert();
        ballots.execute(second, setting(8));
    }

    function test_all_calls_are_made_or_none() public {
        IBallots.Call[] memory calls = new IBallots.Call[](2);
        calls[0] = IBallots.Call(address(target), 0, abi.encodeCall(Target.set, (7)), false);
        calls[1] = IBallots.Call(address(target), 0, abi.encodeCall(Target.fail, ()), false);
        bytes32 id = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        passAndWait(id, calls);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "failed");
        vm.expectRevert(abi.encodeWithSelector(IBallots.CallFailed.selector, 1, reason));
        ballots.execute(id, calls);
        vm.assertEq(target.value(), 0);
        assertState(id, IBallots.State.Executable);
    }

    function test_announced_calls_are_announced_and_wait_22_days() public {
        IBallots.Call[] memory calls = allotting();
        bytes32 change = keccak256(calls[0].data);
        // Only the shortest of timelocks is too short for it.
        vm.prank(address(safe));
        tracks.allowCall(PARAMETERS, address(governed), Token.allot.selector, true);
        bytes32 id = propose(basic(PARAMETERS, calls));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        ballots.queue(id, calls);
        vm.assertEq(ballots.ballotOf(id).executableAt, block.timestamp + 22 days);
        vm.assertEq(governed.readyAt(change), block.timestamp + 22 days);
        vm.warp(block.timestamp + 22 days);
        ballots.execute(id, calls);
        vm.assertEq(governed.allotted(bob), 5 * ONE);
    }

    function test_a_ballot_whose_announcement_fails_is_not_queued_and_expires() public {
        IBallots.Call[] memory calls = oneCall(address(target), abi.encodeCall(Target.set, (7)), true);
        bytes32 id = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        vm.expectRevert(abi.encodeWithSelector(IBallots.CallFailed.selector, 0, ""));
        ballots.queue(id, calls);
        assertState(id, IBallots.State.Passed);
        vm.warp(block.timestamp + 14 days);
        assertState(id, IBallots.State.Expired);
    }

    function test_without_its_module_the_safe_does_nothing() public {
        IBallots.Call[] memory calls = setting(7);
        bytes32 id = propose(basic(PARAMETERS, calls));
        vm.warp(block.timestamp + 1 hours);
        passAndWait(id, calls);
        vm.etch(address(safe), address(new FakeSafe()).code);
        vm.store(address(safe), keccak256(abi.encode(address(ballots), uint256(0))), 0);
        vm.expectRevert("GS104");
        ballots.execute(id, calls);
    }

    function test_a_ballot_changes_ballots_rules_and_modules_through_the_safe() public {
        ITracks.Track memory rules = trackRules()[0];
        rules.bond = 5e18;
        IBallots.Call[] memory calls = new IBallots.Call[](3);
        calls[0].target = address(tracks);
        calls[0].data = abi.encodeCall(tracks.setTrack, (PARAMETERS, rules));
        calls[1].target = address(ballots);
        calls[1].data = abi.encodeCall(ballots.setBrakes, (alice, bob));
        calls[2].target = address(safe);
        calls[2].data = abi.encodeCall(safe.enableModule, (alice));
        bytes32 id = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        passAndWait(id, calls);
        ballots.execute(id, calls);
        vm.assertEq(ballots.ballotOf(propose(basic(PARAMETERS, setting(7)))).bond, 5e18);
        vm.assertEq(ballots.council(), alice);
        vm.assertTrue(safe.isModuleEnabled(alice));
        vm.expectRevert(abi.encodeWithSelector(ITracks.NotTheSafe.selector, bob));
        vm.prank(bob);
        ballots.setBrakes(bob, bob);
    }

    function test_a_ballot_can_not_be_executed_from_inside_itself() public {
        // It can't know its own id, so somebody it calls reenters for it.
        Reentrant reentrant = new Reentrant();
        IBallots.Call[] memory calls = oneCall(address(reentrant), abi.encodeCall(Reentrant.again, ()), false);
        bytes32 id = propose(basic(ANY, calls));
        reentrant.prepare(ballots, id, calls);
        vm.warp(block.timestamp + 1 hours);
        passAndWait(id, calls);
        ballots.execute(id, calls);
        vm.assertEq(reentrant.calls(), 1);
        vm.assertEq(
            reentrant.reason(),
            keccak256(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Executed))
        );
    }

    // BONDS

    function test_bonds_return_once_unless_it_is_spam_that_failed() public {
        bytes32 spam = propose(basic(PARAMETERS, setting(7)));
        bytes32 good = propose(basic(PARAMETERS, setting(8)));
        vm.expectRevert(abi.encodeWithSelector(IBallots.NotABrake.selector, committee));
        vm.prank(committee);
        ballots.markSpam(spam);
        vm.prank(council);
        ballots.markSpam(spam);
        vm.prank(council);
        ballots.markSpam(good);
        vm.warp(block.timestamp + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, good, IBallots.State.Voting));
        ballots.payBond(good);
        pass(good);
        ballots.queue(good, setting(8));
        uint256 had = token.balanceOf(proposer);
        ballots.payBond(good);
        vm.assertEq(token.balanceOf(proposer) - had, 1_000 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IBallots.BondAlreadyPaid.selector, good));
        ballots.payBond(good);
        ballots.payBond(spam);
        vm.assertEq(token.balanceOf(address(safe)), 1_000 * ONE);
        vm.assertEq(token.balanceOf(address(ballots)), 0);
    }

    function allotting() private view returns (IBallots.Call[] memory) {
        return oneCall(address(governed), abi.encodeCall(Token.allot, (bob, 5 * ONE)), true);
    }
}

/// @dev Executes the ballot that calls it once more, and notes why that fails.
contract Reentrant {
    uint256 public calls;
    bytes32 public reason;
    IBallots private _ballots;
    bytes private _data;

    function prepare(IBallots ballots, bytes32 id, IBallots.Call[] calldata what) external {
        _ballots = ballots;
        _data = abi.encodeCall(IBallots.execute, (id, what));
    }

    function again() external {
        ++calls;
        (bool success, bytes memory returned) = address(_ballots).call(_data);
        if (!success) reason = keccak256(returned);
    }
}
