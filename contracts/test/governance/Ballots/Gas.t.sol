// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";

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
        IBallots.Row[] memory rows = new IBallots.Row[](VOTERS);
        for (uint256 i; i < VOTERS; ++i) {
            rows[i] = row(id, 0x5000 + i, number(1), block.timestamp, parts);
        }
        ballots.post(id, rows);
        each = vm.lastCallGas().gasTotalUsed / VOTERS;
        vm.assertEq(tally(id, 1), (1_000 * ONE) * VOTERS + VOTERS * (VOTERS - 1) / 2);
        vm.assertLe(each, 48_000);
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
        IBallots.Row[] memory rows = single(row(id, HOLDER, number(1), block.timestamp, LIQUID));
        ballots.post(id, rows);
        vm.snapshotGasLastCall("Gas", "post of 1");
        vm.warp(ballots.postingEndOf(id));
        ballots.queue(id, calls);
        vm.snapshotGasLastCall("Gas", "queue");
        vm.warp(ballots.ballotOf(id).executableAt);
        ballots.execute(id, calls);
        uint256 whole = vm.snapshotGasLastCall("Gas", "execute of 1 call");
        vm.prank(address(safe));
        target.set(8);
        // Beside what the call itself takes.
        vm.assertLe(whole - 26_000, 120_000);
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
