// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {IGrants} from "../../../src/interfaces/IGrants.sol";
import {ITracks} from "../../../src/interfaces/ITracks.sol";
import {vm} from "../../Vm.sol";
import {BallotBoxTest} from "../../stages/BallotBox.sol";

/// @dev The track of small spending: 1,000 a ballot, 1,500 in any 7 days.
contract BudgetsTest is BallotBoxTest {
    uint256 private constant NEVER = type(uint256).max;
    address private constant PAYEE = address(0xBEEF);

    function setUp() public override {
        super.setUp();
        token.mint(address(safe), 100_000 * ONE);
        token.mint(address(grants), 100_000 * ONE);
        vm.deal(address(safe), 10 ether);
    }

    function paying(uint256 amount) private view returns (IBallots.Call[] memory) {
        return oneCall(address(token), abi.encodeCall(IERC20.transfer, (PAYEE, amount * ONE)), false);
    }

    function granting(uint256 amount) private view returns (IBallots.Call[] memory) {
        IGrants.Terms[] memory terms = new IGrants.Terms[](1);
        terms[0] = IGrants.Terms(uint96(amount * ONE), uint40(block.timestamp + 100 days), 0);
        bytes memory data = abi.encodeCall(IGrants.open, (PAYEE, address(token), "an audit", terms));
        return oneCall(address(grants), data, false);
    }

    /// @dev Three ballots at once, which all pass.
    function threeExecutable(IBallots.Call[] memory calls) private returns (bytes32[3] memory ids) {
        for (uint256 i; i < 3; ++i) {
            ids[i] = propose(basic(TREASURY, calls));
        }
        vm.warp(block.timestamp + 1 hours);
        for (uint256 i; i < 3; ++i) {
            cast(ids[i], HOLDER, 1);
            cast(ids[i], PROVIDER, 1);
        }
        vm.warp(ballots.postingEndOf(ids[0]));
        for (uint256 i; i < 3; ++i) {
            ballots.queue(ids[i], calls);
        }
        vm.warp(block.timestamp + 2 days);
    }

    function expectOver(uint256 amount, uint256 left) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ITracks.OverBudget.selector, TREASURY, address(token), amount * ONE, left * ONE
            )
        );
    }

    function test_ballots_beside_each_other_share_one_budget_and_wait_for_it() public {
        IBallots.Call[] memory calls = paying(700);
        bytes32[3] memory ids = threeExecutable(calls);
        uint256 at = block.timestamp;
        ballots.execute(ids[0], calls);
        vm.warp(at + 1 days);
        ballots.execute(ids[1], calls);
        expectOver(700, 100);
        ballots.execute(ids[2], calls);
        assertState(ids[2], IBallots.State.Executable);
        vm.assertEq(tracks.leftOf(TREASURY, address(token)), 100 * ONE);
        vm.assertEq(tracks.fitsAt(TREASURY, address(token), 700 * ONE), at + 7 days);
        vm.warp(at + 7 days - 1);
        expectOver(700, 100);
        ballots.execute(ids[2], calls);
        vm.warp(at + 7 days);
        ballots.execute(ids[2], calls);
        vm.assertEq(token.balanceOf(PAYEE), 2_100 * ONE);
        vm.assertEq(tracks.leftOf(TREASURY, address(token)), 100 * ONE);
    }

    function test_what_waits_for_a_budget_that_others_use_up_expires() public {
        IBallots.Call[] memory calls = paying(1_000);
        bytes32[3] memory ids = threeExecutable(calls);
        ballots.execute(ids[0], calls);
        vm.warp(block.timestamp + 7 days);
        ballots.execute(ids[1], calls);
        vm.warp(block.timestamp + 7 days - 1);
        expectOver(1_000, 500);
        ballots.execute(ids[2], calls);
        vm.warp(block.timestamp + 1);
        assertState(ids[2], IBallots.State.Expired);
        ballots.payBond(ids[2]);
    }

    function test_what_is_granted_from_the_pool_counts_like_what_is_paid() public {
        IBallots.Call[] memory calls = granting(1_000);
        bytes32[3] memory ids = threeExecutable(calls);
        ballots.execute(ids[0], calls);
        vm.assertEq(grants.bookOf(address(token)).reserved, 1_000 * ONE);
        vm.assertEq(tracks.leftOf(TREASURY, address(token)), 500 * ONE);
        expectOver(1_000, 500);
        ballots.execute(ids[1], calls);
    }

    function test_each_token_has_its_own_budget_and_a_failed_ballot_uses_none() public {
        IBallots.Call[] memory calls = new IBallots.Call[](3);
        calls[0] = paying(500)[0];
        calls[1] = granting(500)[0];
        calls[2] = IBallots.Call(PAYEE, 1 ether, "", false);
        bytes32[3] memory ids = threeExecutable(calls);
        // Nobody put that much in.
        vm.deal(address(safe), 0.5 ether);
        vm.expectRevert();
        ballots.execute(ids[0], calls);
        vm.assertEq(tracks.leftOf(TREASURY, address(token)), 1_500 * ONE);
        vm.deal(address(safe), 10 ether);
        ballots.execute(ids[0], calls);
        vm.assertEq(PAYEE.balance, 1 ether);
        vm.assertEq(tracks.leftOf(TREASURY, address(token)), 500 * ONE);
        vm.assertEq(tracks.leftOf(TREASURY, address(0)), 0);
        (address[] memory tokens, uint256[] memory amounts) = tracks.movedBy(calls);
        vm.assertEq(tokens[1], address(token));
        vm.assertEq(amounts[1], 500 * ONE);
        vm.assertEq(tokens[2], address(0));
        vm.assertEq(amounts[2], 1 ether);
    }

    function test_only_ballots_charge_and_only_the_safe_sets_limits_within_bounds() public {
        vm.expectRevert(abi.encodeWithSelector(ITracks.NotTheBallots.selector, address(this)));
        tracks.charge(TREASURY, paying(1));
        ITracks.Limit memory limit = spendingLimit();
        vm.expectRevert(abi.encodeWithSelector(ITracks.NotTheSafe.selector, address(this)));
        tracks.setLimit(TREASURY, address(token), limit);
        // What may be proposed has to fit, some day.
        limit.budget = limit.cap - 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.OutOfBounds.selector, limit.budget, limit.cap, uint256(type(uint112).max)
            )
        );
        vm.prank(address(safe));
        tracks.setLimit(TREASURY, address(token), limit);
        limit = spendingLimit();
        limit.window = 8 days;
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 8 days, 1 days, 7 days));
        vm.prank(address(safe));
        tracks.setLimit(TREASURY, address(token), limit);
        limit.window = 7 days;
        vm.prank(address(safe));
        tracks.setLimit(TREASURY, address(token), limit);
        vm.assertEq(tracks.limitOf(TREASURY, address(token)).window, 7 days);
    }

    function test_a_lower_limit_holds_for_what_passed_before() public {
        IBallots.Call[] memory calls = paying(1_000);
        bytes32[3] memory ids = threeExecutable(calls);
        ITracks.Limit memory limit = spendingLimit();
        (limit.cap, limit.budget) = (uint112(900 * ONE), uint112(900 * ONE));
        vm.prank(address(safe));
        tracks.setLimit(TREASURY, address(token), limit);
        expectOver(1_000, 900);
        ballots.execute(ids[0], calls);
        vm.assertEq(tracks.fitsAt(TREASURY, address(token), 1_000 * ONE), NEVER);
        vm.assertEq(tracks.fitsAt(TREASURY, address(token), 900 * ONE), 0);
    }

    function test_contracts_and_roles_have_no_budget() public {
        IBallots.Call[] memory calls = paying(50_000);
        bytes32 id = propose(basic(ANY, calls));
        vm.warp(block.timestamp + 1 hours);
        passAndWait(id, calls);
        ballots.execute(id, calls);
        vm.assertEq(token.balanceOf(PAYEE), 50_000 * ONE);
    }
}
