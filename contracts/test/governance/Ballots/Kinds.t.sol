// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";
import {Row} from "../../stages/VoteRows.sol";

contract KindsTest is BallotBoxTest {
    function test_single_choices_lead_alone_or_nobody_does() public {
        bytes32 id = begin2(IBallots.Kind.Single, 3);
        vm.assertEq(ballots.leaderOf(id), 0);
        cast(id, HOLDER, 3);
        vm.assertEq(ballots.leaderOf(id), 3);
        vm.warp(ballots.postingEndOf(id) - 1);
        assertState(id, IBallots.State.Posting);
        vm.warp(block.timestamp + 1);
        assertState(id, IBallots.State.Decided);
        ballots.payBond(id);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Decided));
        ballots.queue(id, new IBallots.Call[](0));
    }

    function test_a_choice_without_enough_of_the_electorate_is_rejected() public {
        bytes32 id = begin2(IBallots.Kind.Single, 3);
        cast(id, SECOND, 3);
        vm.warp(ballots.postingEndOf(id));
        assertState(id, IBallots.State.Rejected);
    }

    function test_approval_gives_each_choice_the_whole_weight() public {
        bytes32 id = begin2(IBallots.Kind.Approval, 64);
        postChoice(id, PROVIDER, abi.encodePacked(uint32(64), uint32(1)));
        postChoice(id, FIRST, abi.encodePacked(uint32(1), uint32(2)));
        vm.assertEq(tally(id, 64), 130_000 * ONE);
        vm.assertEq(tally(id, 1), 180_000 * ONE);
        vm.assertEq(tally(id, 2), 50_000 * ONE);
        vm.assertEq(ballots.ballotOf(id).turnout, 180_000 * ONE);
        vm.assertEq(ballots.leaderOf(id), 1);
        noChoice(id, "");
        noChoice(id, abi.encodePacked(uint32(1), uint32(1)));
        noChoice(id, abi.encodePacked(uint32(65)));
        noChoice(id, hex"0000000100");
    }

    function test_weights_are_parts_of_the_weight_rounded_down() public {
        bytes32 id = begin2(IBallots.Kind.Weighted, 16);
        postChoice(id, PROVIDER, '{"1":1,"3":2}');
        vm.assertEq(tally(id, 1), 60_000 * ONE);
        vm.assertEq(tally(id, 3), 120_000 * ONE);
        // Of 130,000e18 thirds aren't whole.
        postChoice(id, FIRST, '{"2":65535}');
        vm.assertEq(tally(id, 1), 130_000 * ONE / 3);
        vm.assertEq(tally(id, 3), 130_000 * ONE * 2 / 3);
        vm.assertEq(tally(id, 2), 50_000 * ONE);
        vm.assertEq(ballots.leaderOf(id), 3);
        vm.warp(block.timestamp + 1);
        postChoice(id, PROVIDER, '{"2":0,"16":7}');
        vm.assertEq(tally(id, 1) + tally(id, 3), 0);
        vm.assertEq(tally(id, 16), 130_000 * ONE);
        vm.assertEq(ballots.ballotOf(id).turnout, 180_000 * ONE);
    }

    function test_weights_of_any_other_form_are_no_choice() public {
        bytes32 id = begin2(IBallots.Kind.Weighted, 3);
        string[21] memory texts = [
            "",
            "{}",
            '{"1":0}',
            '{"1":1',
            '{"1":1}}',
            '{"1":1,}',
            '{"0":1}',
            '{"4":1}',
            '{"01":1}',
            '{"1":01}',
            '{"1":1.5}',
            '{"1":-1}',
            '{"1":1e3}',
            '{"1":65536}',
            '{"1":9999999}',
            '{"1": 1}',
            '{ "1":1}',
            '{"1":1,"1":1}',
            "{1:1}",
            '{"1":"1"}',
            '["1":1]'
        ];
        for (uint256 i; i < texts.length; ++i) {
            noChoice(id, bytes(texts[i]));
        }
        noChoice(id, abi.encodePacked('{"1":1', new bytes(10_000)));
    }

    /// @dev Four choices with 4, 3 and 2 first, and nobody's first 4: as Snapshot's, that one doesn't go out
    /// first, and has the votes of the third then.
    function test_ranked_choices_go_out_one_by_one() public {
        bytes32 id = begin2(IBallots.Kind.Ranked, 4);
        postChoice(id, HOLDER, ranking(1, 2, 3, 4));
        postChoice(id, PROVIDER, ranking(2, 4, 3, 1));
        postChoice(id, FIRST, ranking(3, 4, 2, 1));
        vm.assertEq(ballots.tallyOf(id).length, 24);
        vm.assertEq(ballots.voteOf(id, vm.addr(PROVIDER)).choice, 0x1342);
        // 200 for 1, 130 for 2, 50 for 3, which goes out, for 4; that goes out, for 2, and there are two.
        vm.assertEq(ballots.leaderOf(id), 1);
        postChoice(id, SECOND, ranking(4, 2, 3, 1));
        vm.warp(block.timestamp + 1);
        postChoice(id, HOLDER, ranking(2, 1, 3, 4));
        vm.assertEq(ballots.leaderOf(id), 2);
        noChoice(id, ranking(1, 2, 3, 3));
        noChoice(id, ranking(1, 2, 3, 5));
        noChoice(id, abi.encodePacked(uint32(1), uint32(2), uint32(3)));
    }

    function begin2(IBallots.Kind kind, uint8 choices) private returns (bytes32 id) {
        id = propose(choosing(kind, choices));
        vm.warp(block.timestamp + 1 hours);
    }

    function ranking(uint32 a, uint32 b, uint32 c, uint32 d) private pure returns (bytes memory) {
        return abi.encodePacked(a, b, c, d);
    }

    function postChoice(bytes32 id, uint256 key, bytes memory choice) private {
        postRow(id, row(id, key, choice, block.timestamp, ALL));
    }

    function noChoice(bytes32 id, bytes memory choice) private {
        Row memory one;
        (one.v, one.timestamp, one.choice) = (27, uint64(block.timestamp), choice);
        assertReason(skipped(id, one), IBallots.Reason.BadChoice);
    }
}
