// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {IGrants} from "../../../src/interfaces/IGrants.sol";
import {ITracks} from "../../../src/interfaces/ITracks.sol";
import {vm} from "../../Vm.sol";
import {Target} from "../../fakes/Target.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";

contract ProposeTest is BallotBoxTest {
    function test_a_proposal_fixes_power_rules_and_calls_and_leaves_a_bond() public {
        IBallots.Proposal memory proposal = basic(PARAMETERS, setting(7));
        bytes32 expected = ballots.idOf(proposer, 0, proposal);
        bytes32 id = propose(proposal);
        vm.assertEq(id, expected);
        IBallots.Ballot memory ballot = ballots.ballotOf(id);
        vm.assertEq(ballot.proposer, proposer);
        vm.assertEq(ballot.snapshot, block.timestamp - 1);
        vm.assertEq(ballot.end, block.timestamp + VOTING);
        vm.assertEq(ballot.electorate, 430_000 * ONE);
        vm.assertEq(ballot.content, keccak256(abi.encode(setting(7))));
        vm.assertEq(token.balanceOf(address(ballots)), 1_000 * ONE);
        assertState(id, IBallots.State.Voting);
        // The same once more is another ballot.
        vm.assertTrue(propose(proposal) != id);
    }

    function test_the_electorate_is_a_twentieth_of_the_supply_at_the_least() public {
        token.mint(address(1), 100_000_000 * ONE);
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.assertEq(ballots.ballotOf(id).electorate, token.totalSupply() / 20);
    }

    function test_another_chain_or_contract_means_another_id() public {
        IBallots.Proposal memory proposal = basic(PARAMETERS, setting(7));
        bytes32 id = ballots.idOf(proposer, 0, proposal);
        vm.assertTrue(ballots.idOf(proposer, 1, proposal) != id);
        vm.assertTrue(ballots.idOf(alice, 0, proposal) != id);
        vm.chainId(31_338);
        vm.assertTrue(ballots.idOf(proposer, 0, proposal) != id);
    }

    function test_power_of_this_very_second_proposes_nothing() public {
        IBallots.Proposal memory proposal = basic(PARAMETERS, setting(7));
        // As with a flash loan.
        token.mint(alice, 1_000_000 * ONE);
        vm.prank(alice);
        token.delegate(alice);
        put(alice, vm.addr(PROVIDER), 500_000 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IBallots.TooLittlePower.selector, 0, 10_000 * ONE));
        vm.prank(alice);
        ballots.propose(proposal);
    }

    function test_stake_proposes_as_liquid_does() public {
        IBallots.Proposal memory proposal = basic(PARAMETERS, setting(7));
        address first = vm.addr(FIRST);
        vm.assertEq(ballots.powerAt(first, block.timestamp - 1), 50_000 * ONE);
        vm.prank(first);
        token.approve(address(ballots), 1_000 * ONE);
        vm.prank(first);
        assertState(ballots.propose(proposal), IBallots.State.Voting);
    }

    function test_what_fits_no_ballot_is_refused() public {
        IBallots.Proposal memory proposal = basic(PARAMETERS, setting(7));
        proposal.choices = 2;
        refused(proposal);
        proposal = choosing(IBallots.Kind.Single, 65);
        refused(proposal);
        proposal.choices = 0;
        refused(proposal);
        refused(choosing(IBallots.Kind.Weighted, 17));
        refused(choosing(IBallots.Kind.Ranked, 5));
        proposal = choosing(IBallots.Kind.Single, 2);
        proposal.calls = setting(7);
        refused(proposal);
        // Candidates belong on the track of elections, and to a body.
        proposal = choosing(IBallots.Kind.Approval, 2);
        proposal.candidates = new address[](2);
        refused(proposal);
        proposal.track = 7;
        refused(proposal);
        proposal.body = council;
        proposal.choices = 3;
        refused(proposal);
        proposal.choices = 2;
        vm.assertEq(
            ballots.ballotOf(propose(proposal)).election, keccak256(abi.encode(council, proposal.candidates))
        );
        proposal = basic(8, setting(7));
        vm.expectRevert(abi.encodeWithSelector(ITracks.WrongTrack.selector, 8));
        propose(proposal);
    }

    function test_a_track_makes_the_calls_on_its_list_and_pays_up_to_its_cap() public {
        propose(basic(PARAMETERS, setting(7)));
        callRefused(PARAMETERS, oneCall(address(target), abi.encodeCall(Target.fail, ()), false), 0);
        callRefused(PARAMETERS, oneCall(address(token), transfer(bob, 1), false), 0);
        callRefused(TREASURY, setting(7), 0);
        propose(basic(TREASURY, oneCall(address(token), transfer(bob, 1_000 * ONE), false)));
        callRefused(TREASURY, oneCall(address(token), transfer(bob, 1_000 * ONE + 1), false), 0);
        // What is approved could be taken long after the ballot, past every budget.
        callRefused(TREASURY, oneCall(address(token), abi.encodeCall(IERC20.approve, (bob, 1)), false), 0);
        callRefused(TREASURY, oneCall(address(token), transfer(bob, 0), false), 0);
        propose(
            basic(TREASURY, oneCall(address(grants), granting(address(token), 500 * ONE, 500 * ONE), false))
        );
        callRefused(
            TREASURY, oneCall(address(grants), granting(address(token), 500 * ONE, 500 * ONE + 1), false), 0
        );
        callRefused(TREASURY, oneCall(address(grants), granting(address(governed), 1, 1), false), 0);
        callRefused(PARAMETERS, oneCall(address(grants), granting(address(token), 1, 1), false), 0);
        // Together too much, though each isn't.
        IBallots.Call[] memory calls = new IBallots.Call[](2);
        calls[0] = IBallots.Call(address(token), 0, transfer(bob, 600 * ONE), false);
        calls[1] = IBallots.Call(address(grants), 0, granting(address(token), 200 * ONE, 201 * ONE), false);
        callRefused(TREASURY, calls, 1);
        calls[1] = IBallots.Call(bob, 1 ether, "", false);
        propose(basic(TREASURY, calls));
        calls[1].value += 1;
        callRefused(TREASURY, calls, 1);
        // Ether with a call is no payment, and no value is more than what a sum can be.
        calls[1] = IBallots.Call(bob, 1, "call", false);
        callRefused(TREASURY, calls, 1);
        calls[0].data = transfer(bob, type(uint256).max);
        callRefused(TREASURY, calls, 0);
        propose(basic(ANY, calls));
    }

    function test_rules_are_set_by_the_safe_within_bounds_for_ballots_to_come() public {
        ITracks.Track memory rules = trackRules()[0];
        vm.expectRevert(abi.encodeWithSelector(ITracks.NotTheSafe.selector, address(this)));
        tracks.setTrack(PARAMETERS, rules);
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        (rules.approvalEnd, rules.approvalAgain) = (9_000, 9_000);
        vm.prank(address(safe));
        tracks.setTrack(PARAMETERS, rules);
        vm.assertEq(ballots.ballotOf(id).rules, 0);
        vm.assertEq(ballots.ballotOf(propose(basic(PARAMETERS, setting(7)))).rules, 1);
        vm.assertEq(tracks.rulesOf(PARAMETERS, 0).approvalEnd, 6_000);
        rules.timelock = 21 days;
        vm.expectRevert();
        vm.prank(address(safe));
        tracks.setTrack(ANY, rules);
        rules = trackRules()[0];
        rules.supportAgain = 5_001;
        vm.expectRevert();
        vm.prank(address(safe));
        tracks.setTrack(PARAMETERS, rules);
    }

    function transfer(address to, uint256 amount) private pure returns (bytes memory) {
        return abi.encodeCall(IERC20.transfer, (to, amount));
    }

    function granting(address of_, uint256 first, uint256 second) private view returns (bytes memory) {
        IGrants.Terms[] memory terms = new IGrants.Terms[](2);
        terms[0] = IGrants.Terms(uint96(first), uint40(block.timestamp + 30 days), 0);
        terms[1] = IGrants.Terms(uint96(second), uint40(block.timestamp + 30 days), 0);
        return abi.encodeCall(IGrants.open, (bob, of_, "an audit", terms));
    }

    function refused(IBallots.Proposal memory proposal) private {
        vm.expectRevert(IBallots.BadBallot.selector);
        propose(proposal);
    }

    function callRefused(uint8 track, IBallots.Call[] memory calls, uint256 index) private {
        vm.expectRevert(abi.encodeWithSelector(ITracks.CallNotAllowed.selector, index));
        propose(basic(track, calls));
    }
}
