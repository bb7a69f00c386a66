// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Token} from "../../../src/economy/Token.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {ITracks} from "../../../src/interfaces/ITracks.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";

contract BrakesTest is BallotBoxTest {
    function test_council_and_committee_veto_once_what_is_queued() public {
        bytes32 id = queued(setting(7));
        vm.expectRevert(abi.encodeWithSelector(IBallots.NotABrake.selector, alice));
        vm.prank(alice);
        ballots.veto(id);
        vm.prank(committee);
        ballots.veto(id);
        assertState(id, IBallots.State.VetoedOnce);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.VetoedOnce));
        vm.prank(council);
        ballots.veto(id);
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.VetoedOnce));
        ballots.execute(id, setting(7));
        ballots.payBond(id);
    }

    function test_what_passes_again_by_more_can_not_be_vetoed() public {
        bytes32 id = queued(setting(7));
        vm.prank(council);
        ballots.veto(id);
        id = queued(setting(7));
        vm.assertTrue(ballots.ballotOf(id).isVetoProof);
        vm.expectRevert(abi.encodeWithSelector(IBallots.CannotBeVetoed.selector, id));
        vm.prank(council);
        ballots.veto(id);
        vm.warp(ballots.ballotOf(id).executableAt);
        ballots.execute(id, setting(7));
        vm.assertEq(target.value(), 7);
    }

    function test_what_passes_again_by_no_more_is_rejected() public {
        bytes32 id = queued(setting(7));
        vm.prank(council);
        ballots.veto(id);
        id = propose(basic(PARAMETERS, setting(7)));
        bytes32 otherwise = propose(basic(PARAMETERS, setting(8)));
        vm.warp(block.timestamp + 1 hours);
        // 80 of 430 for, which is enough the first time.
        cast(id, FIRST, 1);
        cast(id, SECOND, 1);
        cast(otherwise, FIRST, 1);
        cast(otherwise, SECOND, 1);
        vm.warp(ballots.postingEndOf(id));
        assertState(id, IBallots.State.Rejected);
        assertState(otherwise, IBallots.State.Passed);
    }

    function test_a_veto_ends_all_ballots_of_the_same_calls_that_were_queued_before() public {
        bytes32 first = propose(basic(PARAMETERS, setting(7)));
        bytes32 second = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        cast(first, HOLDER, 1);
        cast(second, HOLDER, 1);
        vm.warp(ballots.postingEndOf(first));
        ballots.queue(first, setting(7));
        ballots.queue(second, setting(7));
        vm.prank(council);
        ballots.veto(first);
        assertState(second, IBallots.State.VetoedOnce);
    }

    function test_a_twin_of_the_vetoed_ballot_does_not_pass_in_its_place() public {
        bytes32 first = propose(basic(PARAMETERS, setting(7)));
        bytes32 twin = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        cast(first, HOLDER, 1);
        cast(twin, HOLDER, 1);
        vm.warp(ballots.postingEndOf(first));
        assertState(twin, IBallots.State.Passed);
        ballots.queue(first, setting(7));
        vm.prank(council);
        ballots.veto(first);
        assertState(twin, IBallots.State.Rejected);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, twin, IBallots.State.Rejected));
        ballots.queue(twin, setting(7));
    }

    function test_an_empty_council_vetoes_nothing_and_nothing_waits() public {
        vm.prank(address(safe));
        ballots.setBrakes(address(0), address(0));
        bytes32 id = queued(setting(7));
        vm.expectRevert(abi.encodeWithSelector(IBallots.NotABrake.selector, council));
        vm.prank(council);
        ballots.veto(id);
        vm.warp(ballots.ballotOf(id).executableAt);
        ballots.execute(id, setting(7));
    }

    function test_what_a_vetoed_ballot_announced_is_called_off_by_anybody_and_nothing_of_another() public {
        IBallots.Call[] memory calls =
            oneCall(address(governed), abi.encodeCall(Token.allot, (bob, 5 * ONE)), true);
        bytes32 change = keccak256(calls[0].data);
        bytes32 id = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        ballots.queue(id, calls);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Queued));
        ballots.callOffAnnounced(id, calls);
        vm.prank(council);
        ballots.veto(id);
        vm.expectRevert(IBallots.OtherCalls.selector);
        ballots.callOffAnnounced(id, setting(7));
        bytes32 again = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        pass(again);
        ballots.queue(again, calls);
        uint256 ready = governed.readyAt(change);
        ballots.callOffAnnounced(id, calls);
        vm.assertEq(governed.readyAt(change), ready);
        vm.warp(ready + 14 days);
        assertState(again, IBallots.State.Expired);
        ballots.callOffAnnounced(again, calls);
        vm.assertEq(governed.readyAt(change), 0);
        ballots.callOffAnnounced(again, calls);
    }

    function test_the_committee_hastens_emergencies_and_nothing_else() public {
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.expectRevert(abi.encodeWithSelector(ITracks.WrongTrack.selector, PARAMETERS));
        vm.prank(committee);
        ballots.hasten(id);
        id = propose(basic(EMERGENCY_TRACK, setting(7)));
        uint256 start = block.timestamp;
        vm.expectRevert(abi.encodeWithSelector(IBallots.NotABrake.selector, council));
        vm.prank(council);
        ballots.hasten(id);
        vm.warp(start + 1 hours);
        vm.prank(committee);
        ballots.hasten(id);
        vm.assertEq(ballots.ballotOf(id).end, start + 12 hours);
        vm.assertEq(ballots.postingEndOf(id), start + 15 hours);
        cast(id, HOLDER, 1);
        vm.warp(start + 15 hours);
        ballots.queue(id, setting(7));
        vm.warp(start + 18 hours - 1);
        assertState(id, IBallots.State.Queued);
        vm.warp(start + 18 hours);
        ballots.execute(id, setting(7));
        // Calls that aren't on its list are no emergency.
        vm.expectRevert(abi.encodeWithSelector(ITracks.CallNotAllowed.selector, 0));
        propose(basic(EMERGENCY_TRACK, oneCall(address(governed), "call", false)));
    }

    function queued(IBallots.Call[] memory calls) private returns (bytes32 id) {
        id = propose(basic(PARAMETERS, calls));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        ballots.queue(id, calls);
    }
}
