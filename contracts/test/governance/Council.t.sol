// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Council} from "../../src/governance/Council.sol";
import {IBallots} from "../../src/interfaces/IBallots.sol";
import {ICouncil} from "../../src/interfaces/ICouncil.sol";
import {ITracks} from "../../src/interfaces/ITracks.sol";
import {vm} from "../Vm.sol";
import {BallotBoxTest} from "../stages/BallotBox.sol";

/// @dev A council of three seats, for which four stand, and a committee of two.
contract CouncilTest is BallotBoxTest {
    Council private elected;
    Council private technical;
    address[] private candidates;

    function setUp() public override {
        super.setUp();
        elected = new Council(ballots, address(safe), 3, [uint16(6_667), 6_667, 0, 5_001]);
        technical = new Council(ballots, address(safe), 2, [uint16(6_667), 0, 7_500, 0]);
        vm.prank(address(safe));
        ballots.setBrakes(address(elected), address(technical));
        vm.prank(address(safe));
        safe.enableModule(address(elected));
        for (uint160 i = 1; i <= 4; ++i) {
            candidates.push(address(0xE0 + i));
        }
    }

    function test_those_with_the_greatest_approval_are_seated_for_a_term() public {
        bytes32 id = elect(elected);
        vm.assertEq(elected.termEnd(), ballots.ballotOf(id).end + 180 days);
        address[] memory members = elected.members();
        vm.assertEq(members.length, 3);
        vm.assertEq(members[0], candidates[3]);
        vm.assertTrue(!elected.isMember(candidates[0]));
        // Once, by this body alone, and by the candidates who stood.
        notAnElection(elected, id);
        notAnElection(technical, id);
        vm.warp(elected.termEnd());
        vm.assertEq(elected.members().length, 0);
        vm.assertTrue(!elected.isMember(candidates[3]));
    }

    function test_an_election_that_is_not_over_or_too_old_seats_nobody() public {
        bytes32 id = propose(election(elected));
        vm.warp(block.timestamp + 1);
        notAnElection(elected, id);
        postRow(id, row(id, HOLDER, abi.encodePacked(uint32(1)), block.timestamp, ALL));
        vm.warp(ballots.ballotOf(id).end + 180 days);
        notAnElection(elected, id);
    }

    function test_two_thirds_veto_by_a_motion_that_expires() public {
        elect(elected);
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        pass(id);
        ballots.queue(id, setting(7));
        ICouncil.Motion memory motion = about(ICouncil.Act.Veto, id);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.NotAMember.selector, candidates[0]));
        vm.prank(candidates[0]);
        elected.move(motion);
        vm.expectRevert(ICouncil.NotThisBody.selector);
        vm.prank(candidates[1]);
        elected.move(about(ICouncil.Act.Hasten, id));
        vm.prank(candidates[1]);
        uint256 moved = elected.move(motion);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.SecondedBefore.selector, moved));
        vm.prank(candidates[1]);
        elected.second(moved);
        vm.prank(candidates[2]);
        elected.second(moved);
        // Two thirds of three, rounded up.
        assertState(id, IBallots.State.Queued);
        vm.prank(candidates[3]);
        elected.second(moved);
        assertState(id, IBallots.State.VetoedOnce);
        vm.prank(candidates[1]);
        moved = elected.move(motion);
        vm.warp(block.timestamp + 7 days);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.MotionOver.selector, moved));
        vm.prank(candidates[2]);
        elected.second(moved);
    }

    function test_the_committee_hastens() public {
        elect(technical);
        bytes32 id = propose(basic(EMERGENCY_TRACK, setting(7)));
        vm.prank(candidates[3]);
        uint256 moved = technical.move(about(ICouncil.Act.Hasten, id));
        vm.prank(candidates[2]);
        technical.second(moved);
        vm.assertTrue(ballots.ballotOf(id).isFast);
    }

    function test_half_of_the_council_spends_what_a_ballot_allowed_and_no_more() public {
        elect(elected);
        token.mint(address(safe), 1_000 * ONE);
        vm.expectRevert(abi.encodeWithSelector(ITracks.NotTheSafe.selector, address(this)));
        elected.setAllowance(address(token), 100 * ONE);
        vm.prank(address(safe));
        elected.setAllowance(address(token), 100 * ONE);
        spend(60 * ONE);
        vm.assertEq(token.balanceOf(bob), 1_000_060 * ONE);
        (, uint256 left) = elected.allowanceOf(address(token));
        vm.assertEq(left, 40 * ONE);
        vm.prank(candidates[1]);
        uint256 moved = elected.move(ICouncil.Motion(ICouncil.Act.Spend, 0, address(token), bob, 41 * ONE));
        bytes memory reason =
            abi.encodeWithSelector(ICouncil.OverAllowance.selector, token, 41 * ONE, 40 * ONE);
        vm.expectRevert(reason);
        vm.prank(candidates[2]);
        elected.second(moved);
        vm.warp(block.timestamp + 30 days);
        spend(100 * ONE);
        vm.assertEq(token.balanceOf(bob), 1_000_160 * ONE);
    }

    function spend(uint256 amount) private {
        vm.prank(candidates[1]);
        uint256 moved = elected.move(ICouncil.Motion(ICouncil.Act.Spend, 0, address(token), bob, amount));
        vm.prank(candidates[2]);
        elected.second(moved);
    }

    function about(ICouncil.Act act, bytes32 id) private pure returns (ICouncil.Motion memory) {
        return ICouncil.Motion(act, id, address(0), address(0), 0);
    }

    function election(Council body) private view returns (IBallots.Proposal memory proposal) {
        proposal = choosing(IBallots.Kind.Approval, 4);
        (proposal.track, proposal.body, proposal.candidates) = (7, address(body), candidates);
    }

    function elect(Council body) private returns (bytes32 id) {
        id = propose(election(body));
        vm.warp(block.timestamp + 1);
        bytes memory all = abi.encodePacked(uint32(2), uint32(3), uint32(4));
        postRow(id, row(id, HOLDER, all, block.timestamp, ALL));
        postRow(id, row(id, FIRST, abi.encodePacked(uint32(4), uint32(3)), block.timestamp, ALL));
        postRow(id, row(id, SECOND, abi.encodePacked(uint32(4), uint32(1)), block.timestamp, ALL));
        vm.warp(ballots.postingEndOf(id));
        body.seat(id, candidates);
    }

    function notAnElection(Council body, bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.NotAnElection.selector, id));
        body.seat(id, candidates);
    }
}
