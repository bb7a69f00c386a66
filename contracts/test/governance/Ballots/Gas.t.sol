// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";
import {Row, packRows} from "../../stages/VoteRows.sol";

/// @dev Gas of whole transactions, calldata included, as in the other tests of gas.
contract BallotsGasTest is BallotBoxTest {
    uint256 private constant VOTERS = 100;

    function test_gas_post_of_100_who_have_stake() public {
        for (uint256 i; i < VOTERS; ++i) {
            fundFor(vm.addr(0x5000 + i), vm.addr(PROVIDER), 1_000 * ONE + i);
        }
        vm.snapshotValue("Gas", "post: a vote of 100, one pool each", measure(POOL));
    }

    function test_gas_post_of_100_who_have_liquid_votes() public {
        for (uint256 i; i < VOTERS; ++i) {
            address voter = vm.addr(0x5000 + i);
            token.mint(voter, 1_000 * ONE + i);
            vm.prank(voter);
            token.delegate(voter);
        }
        vm.snapshotValue("Gas", "post: a vote of 100, liquid each", measure(LIQUID));
    }

    /// @dev What each of the votes of a batch costs.
    function measure(uint32 parts) private returns (uint256 each) {
        vm.warp(block.timestamp + 1 hours);
        bytes32 id = propose(basic(PARAMETERS, setting(7)));
        vm.warp(block.timestamp + 1 hours);
        Row[] memory rows = new Row[](VOTERS);
        for (uint256 i; i < VOTERS; ++i) {
            rows[i] = said(id, 0x5000 + i, parts);
            rows[i].isInLastPool = i != 0 && parts == POOL;
        }
        ballots.post(id, packRows(rows));
        each = vm.lastCallGas().gasTotalUsed / VOTERS;
        vm.assertEq(tally(id, 1), (1_000 * ONE) * VOTERS + VOTERS * (VOTERS - 1) / 2);
        vm.assertLe(each, 40_000);
    }

    /// @dev A vote as snapshot.js makes it: without a reason, and with the program's name.
    function said(bytes32 id, uint256 key, uint32 parts) private view returns (Row memory made) {
        (made.timestamp, made.parts, made.choice) = (uint64(block.timestamp), parts, number(1));
        (made.fromHash, made.appHash) = (keccak256(abi.encode(key)), keccak256("cloister"));
        (made.v, made.r, made.s) = vm.sign(key, digest(id, made));
    }

    function test_gas_of_one_ballot() public {
        IBallots.Call[] memory calls = setting(7);
        IBallots.Proposal memory proposal = basic(PARAMETERS, calls);
        propose(proposal);
        vm.prank(proposer);
        bytes32 id = ballots.propose(proposal);
        vm.snapshotGasLastCall("Gas", "propose");
        vm.warp(block.timestamp + 1 hours);
        cast(id, PROVIDER, 1);
        Row[] memory rows = single(row(id, HOLDER, number(1), block.timestamp, LIQUID));
        ballots.post(id, packRows(rows));
        vm.snapshotGasLastCall("Gas", "post of 1");
        vm.warp(ballots.postingEndOf(id));
        ballots.queue(id, calls);
        vm.snapshotGasLastCall("Gas", "queue");
        vm.warp(ballots.ballotOf(id).executableAt);
        ballots.execute(id, calls);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "execute of 1 call"), 120_000);
    }

    function test_gas_of_a_transfer_by_those_who_never_registered() public {
        token.mint(bob, 1);
        vm.prank(alice);
        token.transfer(bob, ONE);
        vm.snapshotGasLastCall("Gas", "transfer of CLOI");
        vm.prank(vm.addr(HOLDER));
        token.transfer(bob, ONE);
        vm.snapshotGasLastCall("Gas", "transfer of registered CLOI");
    }
}
