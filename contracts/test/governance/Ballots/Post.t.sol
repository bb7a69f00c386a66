// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";
import {Row, packRows} from "../../stages/VoteRows.sol";

contract PostTest is BallotBoxTest {
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
    }

    // WHAT A VOTE WEIGHS

    function test_liquid_votes_weigh_what_was_registered_in_the_second_before() public {
        address holder = vm.addr(HOLDER);
        // After the snapshot: neither leaving nor entering changes anything.
        vm.prank(holder);
        token.transfer(alice, 150_000 * ONE);
        token.mint(holder, 999 * ONE);
        cast(id, HOLDER, 1);
        vm.assertEq(tally(id, 1), 200_000 * ONE);
    }

    function test_a_provider_votes_with_its_pool_and_delegators_take_theirs_out_of_it() public {
        cast(id, PROVIDER, 1);
        vm.assertEq(tally(id, 1), 180_000 * ONE);
        cast(id, FIRST, 2);
        vm.assertEq(tally(id, 1), 130_000 * ONE);
        vm.assertEq(tally(id, 2), 50_000 * ONE);
        cast(id, SECOND, 1);
        vm.assertEq(tally(id, 1), 130_000 * ONE);
        vm.assertEq(ballots.voteOf(id, vm.addr(PROVIDER)).weight, 100_000 * ONE);
        vm.assertEq(ballots.overriddenOf(id, vm.addr(PROVIDER)), 80_000 * ONE);
        vm.assertEq(ballots.ballotOf(id).turnout, 180_000 * ONE);
    }

    function test_every_order_of_provider_and_delegators_comes_to_the_same() public {
        uint256[3] memory keys = [PROVIDER, FIRST, SECOND];
        uint32[3] memory choices = [uint32(1), 2, 3];
        for (uint256 order; order < 27; ++order) {
            (uint256 a, uint256 b, uint256 c) = (order / 9, order / 3 % 3, order % 3);
            if (a == b || b == c || a == c) continue;
            id = propose(basic(PARAMETERS, setting(order)));
            vm.warp(block.timestamp + 1);
            cast(id, keys[a], choices[a]);
            cast(id, keys[b], choices[b]);
            cast(id, keys[c], choices[c]);
            vm.assertEq(tally(id, 1), 100_000 * ONE);
            vm.assertEq(tally(id, 2), 50_000 * ONE);
            vm.assertEq(tally(id, 3), 30_000 * ONE);
            vm.assertEq(ballots.ballotOf(id).turnout, 180_000 * ONE);
        }
    }

    function test_a_vote_that_is_replaced_keeps_what_was_taken_out_of_it() public {
        cast(id, PROVIDER, 1);
        cast(id, FIRST, 2);
        vm.warp(block.timestamp + 1);
        cast(id, PROVIDER, 2);
        vm.assertEq(tally(id, 1), 0);
        vm.assertEq(tally(id, 2), 180_000 * ONE);
        vm.warp(block.timestamp + 1);
        cast(id, FIRST, 3);
        vm.assertEq(tally(id, 2), 130_000 * ONE);
        vm.assertEq(tally(id, 3), 50_000 * ONE);
    }

    function test_stake_moved_after_the_snapshot_votes_where_it_was() public {
        address first = vm.addr(FIRST);
        address second = vm.addr(SECOND);
        put(other, other, 100_000 * ONE);
        (uint256 shares,,) = stake.positionOf(vm.addr(PROVIDER), first);
        vm.prank(first);
        stake.redelegate(vm.addr(PROVIDER), other, shares);
        (shares,,) = stake.positionOf(vm.addr(PROVIDER), second);
        vm.prank(second);
        stake.requestExit(vm.addr(PROVIDER), shares);
        // A slash after the snapshot doesn't count either.
        stake.slash(vm.addr(PROVIDER), 1_000 * ONE, address(0), 0, "proof");
        cast(id, FIRST, 1);
        cast(id, SECOND, 1);
        cast(id, PROVIDER, 2);
        vm.assertEq(tally(id, 1), 80_000 * ONE);
        vm.assertEq(tally(id, 2), 100_000 * ONE);
        vm.assertEq(ballots.voteOf(id, first).parts, POOL);
    }

    function test_power_that_came_after_the_ballot_began_is_none() public {
        address late = vm.addr(0x2001);
        fundFor(late, vm.addr(PROVIDER), 10_000 * ONE);
        vm.prank(late);
        token.delegate(late);
        vm.warp(block.timestamp + 1);
        Row memory one = row(id, 0x2001, number(1), block.timestamp, ALL);
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
        (uint32 parts, uint256 weight) = ballots.powerOf(id, late);
        vm.assertEq(parts + weight, 0);
    }

    // WHICH VOTE COUNTS

    function test_the_later_of_two_votes_counts_in_either_order() public {
        Row memory early = row(id, HOLDER, number(1), block.timestamp - 10, ALL);
        Row memory late = row(id, HOLDER, number(2), block.timestamp, ALL);
        postRow(id, early);
        postRow(id, late);
        assertReason(skipped(id, early), IBallots.Reason.Outdated);
        vm.assertEq(tally(id, 1), 0);
        vm.assertEq(tally(id, 2), 200_000 * ONE);
    }

    function test_of_two_votes_of_one_second_the_greater_digest_counts() public {
        Row memory a = row(id, HOLDER, number(1), block.timestamp, ALL);
        Row memory b = row(id, HOLDER, number(2), block.timestamp, ALL);
        (Row memory less, Row memory more) = digest(id, a) < digest(id, b) ? (a, b) : (b, a);
        postRow(id, less);
        postRow(id, more);
        assertReason(skipped(id, less), IBallots.Reason.Outdated);
        vm.assertEq(tally(id, uint8(more.choice[3])), 200_000 * ONE);
    }

    function test_a_poster_that_leaves_parts_out_weakens_nobody_for_good() public {
        Row memory one = row(id, FIRST, number(1), block.timestamp, LIQUID);
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
        vm.prank(vm.addr(FIRST));
        token.delegate(vm.addr(FIRST));
        vm.warp(block.timestamp + 1);
        id = propose(basic(PARAMETERS, setting(8)));
        vm.warp(block.timestamp + 1);
        one = row(id, FIRST, number(1), block.timestamp, LIQUID);
        uint256 liquid = 950_000 * ONE;
        postRow(id, one);
        vm.assertEq(tally(id, 1), liquid);
        one.parts = POOL;
        postRow(id, one);
        vm.assertEq(tally(id, 1), liquid + 50_000 * ONE);
        one.parts = ALL;
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
        // Parts that a later row leaves out stay.
        vm.warp(block.timestamp + 1);
        postRow(id, row(id, FIRST, number(2), block.timestamp, 0));
        vm.assertEq(tally(id, 2), liquid + 50_000 * ONE);
    }

    function test_a_vote_by_transaction_counts_instead_of_what_came_before() public {
        postRow(id, row(id, HOLDER, number(1), block.timestamp + 4 minutes, ALL));
        vm.prank(vm.addr(HOLDER));
        ballots.vote(id, number(2), 0);
        vm.assertEq(tally(id, 2), 200_000 * ONE);
        vm.prank(vm.addr(HOLDER));
        ballots.vote(id, number(3), 0);
        vm.assertEq(tally(id, 3), 200_000 * ONE);
        vm.assertEq(ballots.ballotOf(id).turnout, 200_000 * ONE);
        vm.expectRevert(IBallots.NoSuchChoice.selector);
        ballots.vote(id, number(4), 0);
        vm.expectRevert();
        vm.prank(alice);
        ballots.vote(id, number(1), ALL);
    }

    // WHAT IS SKIPPED

    function test_votes_of_another_ballot_space_or_contract_are_nobodys() public {
        Row memory one = row(id, HOLDER, number(1), block.timestamp, ALL);
        bytes32 second = propose(basic(PARAMETERS, setting(8)));
        // Recovered, it is the signature of an account that has nothing.
        assertReason(skipped(second, one), IBallots.Reason.NoPower);
        one.fromHash = keccak256("another text");
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
        vm.assertEq(tally(id, 1) + tally(second, 1), 0);
    }

    function test_the_signer_votes_whoever_the_message_is_from() public {
        Row memory one = row(id, FIRST, number(1), block.timestamp, ALL);
        one.fromHash = keccak256("0x the holder");
        (one.v, one.r, one.s) = vm.sign(FIRST, digest(id, one));
        postRow(id, one);
        vm.assertEq(tally(id, 1), 50_000 * ONE);
        vm.assertEq(ballots.voteOf(id, vm.addr(HOLDER)).weight, 0);
    }

    function test_texts_are_part_of_what_is_signed() public {
        Row memory one = row(id, HOLDER, number(1), block.timestamp, ALL);
        one.reasonHash = keccak256("");
        (one.appHash, one.metadataHash) = (keccak256(""), keccak256("{}"));
        postRow(id, one);
        vm.assertEq(tally(id, 1), 200_000 * ONE);
        one.reasonHash = keccak256("because");
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
    }

    function test_choices_that_there_are_not_are_skipped() public {
        bytes[6] memory choices =
            [number(0), number(4), number(type(uint32).max), bytes(""), hex"000001", hex"0000000001"];
        Row memory one = row(id, HOLDER, number(1), block.timestamp, ALL);
        for (uint256 i; i < choices.length; ++i) {
            one.choice = choices[i];
            assertReason(skipped(id, one), IBallots.Reason.BadChoice);
        }
    }

    /// @dev EIP-2098 leaves of the upper half of `s` what is below 2^255.
    function test_malleable_and_malformed_signatures_are_skipped() public {
        Row memory one = row(id, HOLDER, number(1), block.timestamp, ALL);
        (bytes32 s, uint8 v) = (one.s, one.v);
        one.s = bytes32(uint256(0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A1));
        assertReason(skipped(id, one), IBallots.Reason.BadSignature);
        one.s = bytes32(type(uint256).max >> 1);
        assertReason(skipped(id, one), IBallots.Reason.BadSignature);
        one.s = 0;
        assertReason(skipped(id, one), IBallots.Reason.BadSignature);
        // With the other parity it is the signature of an account that has nothing.
        (one.s, one.v) = (s, v == 27 ? 28 : 27);
        assertReason(skipped(id, one), IBallots.Reason.NoPower);
        (one.r, one.s, one.v) = (0, 0, 27);
        assertReason(skipped(id, one), IBallots.Reason.BadSignature);
        one.r = bytes32(type(uint256).max);
        assertReason(skipped(id, one), IBallots.Reason.BadSignature);
        vm.assertEq(ballots.ballotOf(id).turnout, 0);
    }

    function test_votes_are_of_the_time_in_which_is_voted() public {
        IBallots.Ballot memory ballot = ballots.ballotOf(id);
        Row memory one = row(id, HOLDER, number(1), ballot.start - 5 minutes - 1, ALL);
        assertReason(skipped(id, one), IBallots.Reason.OutOfTime);
        one = row(id, HOLDER, number(1), block.timestamp + 5 minutes + 1, ALL);
        assertReason(skipped(id, one), IBallots.Reason.OutOfTime);
        Row memory last = row(id, HOLDER, number(1), ballot.end, ALL);
        one = row(id, FIRST, number(1), uint256(ballot.end) + 1, ALL);
        vm.warp(ballot.end + 1 days - 1);
        assertState(id, IBallots.State.Posting);
        assertReason(skipped(id, one), IBallots.Reason.OutOfTime);
        vm.expectRevert(abi.encodeWithSelector(IBallots.WrongState.selector, id, IBallots.State.Posting));
        vm.prank(vm.addr(FIRST));
        ballots.vote(id, number(1), ALL);
        postRow(id, last);
        vm.warp(ballots.postingEndOf(id));
        vm.expectRevert();
        postRow(id, last);
        vm.expectRevert(abi.encodeWithSelector(IBallots.UnknownBallot.selector, bytes32("none")));
        postRow("none", last);
    }

    function test_bad_rows_leave_the_good_ones_of_their_batch_counted() public {
        Row[] memory rows = new Row[](5);
        rows[0] = row(id, HOLDER, number(1), block.timestamp, ALL);
        rows[1] = row(id, FIRST, number(1), block.timestamp, ALL);
        rows[1].choice = new bytes(20_000);
        rows[2] = row(id, FIRST, number(1), block.timestamp, ALL);
        rows[2].s = bytes32(type(uint256).max);
        rows[3] = rows[0];
        rows[4] = row(id, PROVIDER, number(2), block.timestamp, ALL);
        ballots.post(id, packRows(rows));
        vm.assertEq(tally(id, 1), 200_000 * ONE);
        vm.assertEq(tally(id, 2), 180_000 * ONE);
    }

    // WHAT ROWS ARE MADE OF

    function test_texts_are_those_of_the_row_before_even_of_one_that_is_skipped() public {
        Row[] memory rows = new Row[](4);
        rows[0] = said(HOLDER, "because", "cloister", '{"a":1}');
        rows[1] = said(FIRST, "because", "cloister", '{"a":1}');
        rows[1].choice = number(4);
        rows[2] = said(SECOND, "because", "snapshot", '{"a":1}');
        rows[3] = said(PROVIDER, "", "snapshot", "{}");
        bytes memory packed = packRows(rows);
        // Of each row 111 bytes, and 3, 0, 1 and 2 texts.
        vm.assertEq(packed.length, 4 * 111 + 6 * 32);
        ballots.post(id, packed);
        vm.assertEq(tally(id, 1), 380_000 * ONE);
    }

    function test_rows_that_end_too_early_or_have_other_texts_are_refused() public {
        Row memory one = row(id, HOLDER, number(1), block.timestamp, ALL);
        one.appHash = keccak256("cloister");
        bytes memory whole = packRows(single(one));
        for (uint256 length = 1; length < whole.length; ++length) {
            bytes memory part = new bytes(length);
            for (uint256 i; i < length; ++i) {
                part[i] = whole[i];
            }
            vm.expectRevert(IBallots.BadRows.selector);
            ballots.post(id, part);
            vm.expectRevert(IBallots.BadRows.selector);
            ballots.post(id, bytes.concat(whole, part));
        }
        for (uint256 bit = 4; bit < 8; ++bit) {
            bytes memory other = bytes.concat(whole, new bytes(32));
            other[104] |= bytes1(uint8(1 << bit));
            vm.expectRevert(IBallots.BadRows.selector);
            ballots.post(id, other);
        }
        // A choice that goes past the end.
        whole[105] = 0xff;
        vm.expectRevert(IBallots.BadRows.selector);
        ballots.post(id, whole);
    }

    /// @dev Three pools with shares of different prices, one of them its provider's second, and liquid CLOI,
    /// with every right and wrong word about whose pool is the last one's.
    function test_whose_pool_is_the_last_ones_changes_no_count() public {
        token.mint(proposer, 200_000 * ONE);
        fundFor(vm.addr(0x3001), vm.addr(0x3001), 70_000 * ONE);
        fundFor(vm.addr(0x3002), vm.addr(0x3001), 30_000 * ONE);
        put(vm.addr(0x3002), vm.addr(PROVIDER), 5_000 * ONE);
        fundFor(vm.addr(0x3003), vm.addr(PROVIDER), 4_000 * ONE);
        put(vm.addr(0x3003), vm.addr(0x3003), 1_000 * ONE);
        put(vm.addr(0x3002), vm.addr(0x3003), 500 * ONE);
        stake.slash(vm.addr(0x3001), 10_000 * ONE, address(0), 0, "first");
        stake.slash(vm.addr(0x3003), 100 * ONE, address(0), 0, "second");
        vm.warp(block.timestamp + 1);
        uint256[6] memory keys = [FIRST, 0x3002, 0x3001, 0x3003, SECOND, PROVIDER];
        uint256[6] memory worth;
        for (uint256 bits; bits < 128; ++bits) {
            id = propose(choosing(IBallots.Kind.Single, 6));
            vm.warp(block.timestamp + 1);
            Row[] memory rows = new Row[](6);
            for (uint256 i; i < 6; ++i) {
                // Both orders, so that providers come before and after who has stake with them.
                uint256 place = bits & 1 == 0 ? i : 5 - i;
                rows[i] = row(id, keys[place], number(uint32(place + 1)), block.timestamp, 15);
                rows[i].isInLastPool = bits >> (i + 1) & 1 == 1;
            }
            ballots.post(id, packRows(rows));
            uint256 sum;
            for (uint256 i; i < 6; ++i) {
                // The first batch says nothing of pools.
                if (bits == 0) worth[i] = tally(id, i + 1);
                vm.assertEq(tally(id, i + 1), worth[i]);
                sum += worth[i];
            }
            vm.assertEq(ballots.ballotOf(id).turnout, sum);
        }
        vm.assertEq(worth[0], 50_000 * ONE);
        // Nine tenths of 30,000, 5,000, and fourteen fifteenths of 500.
        vm.assertEq(worth[1] / ONE, 32_466);
    }

    /// @dev A provider with stake in a large pool, said to be about its own small one.
    function test_a_pool_that_was_the_last_ones_is_not_worth_what_another_is() public {
        (address small, address delegator) = (vm.addr(0x3003), vm.addr(0x3004));
        fund(small);
        put(small, vm.addr(PROVIDER), 5_000 * ONE);
        put(small, small, 1_000 * ONE);
        fund(delegator);
        put(delegator, small, 100 * ONE);
        vm.warp(block.timestamp + 1);
        id = propose(choosing(IBallots.Kind.Single, 2));
        vm.warp(block.timestamp + 1);
        Row[] memory rows = new Row[](2);
        rows[0] = row(id, 0x3004, number(1), block.timestamp, 7);
        rows[1] = row(id, 0x3003, number(2), block.timestamp, 7);
        rows[1].isInLastPool = true;
        ballots.post(id, packRows(rows));
        vm.assertEq(tally(id, 1), 100 * ONE);
        vm.assertEq(tally(id, 2), 6_000 * ONE);
    }

    function testFuzz_what_nobody_signed_counts_for_nobody(bytes calldata rows) public {
        try ballots.post(id, rows) {} catch {}
        vm.assertEq(ballots.ballotOf(id).turnout, 0);
        vm.assertEq(tally(id, 1) + tally(id, 2) + tally(id, 3), 0);
    }

    /// @dev A row of the first choice with everything that its voter has.
    function said(uint256 key, string memory reason, string memory app, string memory metadata)
        private
        view
        returns (Row memory one)
    {
        (one.timestamp, one.parts, one.choice) = (uint64(block.timestamp), ALL, number(1));
        (one.reasonHash, one.appHash) = (keccak256(bytes(reason)), keccak256(bytes(app)));
        one.metadataHash = keccak256(bytes(metadata));
        (one.v, one.r, one.s) = vm.sign(key, digest(id, one));
    }
}
