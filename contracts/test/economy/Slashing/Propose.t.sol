// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {IStake} from "../../../src/interfaces/IStake.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingProposeTest is SlashingStage {
    function test_governance_announces_a_week_ahead_and_can_think_again() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        slashing.propose(provider, 100, "reason");
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1_001, 1, 1_000));
        slashing.propose(provider, 1_001, "reason");
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        uint256 readyAt = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(Announcements.TooEarly.selector, id, readyAt));
        slashing.execute(id);
        vm.prank(governance);
        uint256 second = slashing.propose(owners[0], 500, "another reason");
        vm.prank(governance);
        slashing.cancel(second);
        vm.warp(readyAt);
        vm.assertEq(slashing.execute(id), POOL / 10);
        vm.assertEq(token.balanceOf(treasury), POOL / 10);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, id));
        slashing.execute(id);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, second));
        slashing.execute(second);
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 21 days);
        vm.expectRevert(abi.encodeWithSelector(Announcements.TooLate.selector, id, block.timestamp));
        slashing.execute(id);
    }

    function test_governance_takes_a_tenth_of_a_pool_at_the_most_until_everybody_could_have_left() public {
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Fifty at once are one.
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISlashing.ProposedRecently.selector, provider, block.timestamp + (7 + 14 + 22) * 1 days
            )
        );
        slashing.propose(provider, 1_000, "reason");
        vm.warp(block.timestamp + 7 days);
        slashing.execute(id);
        uint256 executedAt = block.timestamp;
        vm.warp(executedAt + 22 days - 1);
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ProposedRecently.selector, provider, executedAt + 22 days)
        );
        slashing.propose(provider, 1_000, "reason");
        // Nor does cancelling make room for the next one: no slash hangs over a pool for ever.
        vm.warp(executedAt + 22 days);
        vm.prank(governance);
        id = slashing.propose(provider, 1_000, "reason");
        vm.prank(governance);
        slashing.cancel(id);
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(ISlashing.ProposedRecently.selector, provider, block.timestamp + 22 days)
        );
        slashing.propose(provider, 1_000, "reason");
        vm.assertEq(stake.poolOf(provider).assets, POOL * 9 / 10);
    }

    function test_nobody_moves_stake_out_of_a_pool_while_a_slash_of_it_is_announced_and_anybody_leaves()
        public
    {
        address alice = address(0xA11);
        fund(alice, 9 * POOL);
        fund(owners[0], POOL);
        delegate(owners[0], owners[0], POOL);
        uint256 shares = delegate(alice, provider, 9 * POOL);
        vm.prank(governance);
        uint256 id = slashing.propose(provider, 1_000, "reason");
        // Nine tenths of a pool may be its provider's under another name.
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IStake.MovesHeld.selector, provider, block.timestamp + 21 days)
        );
        stake.redelegate(provider, owners[0], shares);
        vm.prank(alice);
        uint256 exit = stake.requestExit(provider, shares / 2);
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(slashing.execute(id), POOL);
        vm.assertLe(stake.exitWorth(exit), 9 * POOL / 2 * 9 / 10);
        // It is over, whatever became of it.
        vm.prank(alice);
        stake.redelegate(provider, owners[0], shares / 4);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotSlasher.selector, address(this)));
        stake.holdMoves(provider, block.timestamp);
        vm.prank(address(slashing));
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.OutOfBounds.selector, block.timestamp + 21 days + 1, 0, block.timestamp + 21 days
            )
        );
        stake.holdMoves(provider, block.timestamp + 21 days + 1);
    }
}
