// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Receiver, Receivers} from "../../src/inference/Receivers.sol";
import {Vouchers} from "../../src/inference/Vouchers.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IReceivers} from "../../src/interfaces/IReceivers.sol";
import {TestUSDC} from "../../src/devnet/TestUSDC.sol";
import {Network} from "../stages/Network.sol";
import {vm} from "../Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract ReceiversTest is Network {
    Vouchers private vouchers;
    Receivers private receivers;
    address private constant PAYEE = address(0xfade);

    function setUp() public override {
        super.setUp();
        vouchers = new Vouchers(market, treasury, governance, tokenFees());
        receivers = new Receivers(vouchers);
    }

    function test_what_arrived_before_there_was_a_contract_is_passed_on_less_the_fee() public {
        address at = receivers.receiverOf(PAYEE);
        vm.assertEq(at.code.length, 0);
        usdc.mint(at, 1_001);
        vm.prank(stranger);
        vm.assertEq(receivers.sweep(PAYEE, address(usdc)), 1_001);
        // A fifth, rounded up.
        vm.assertEq(usdc.balanceOf(PAYEE), 800);
        vm.assertEq(usdc.balanceOf(treasury), 201);
        vm.assertEq(usdc.balanceOf(at), 0);
    }

    function test_an_address_is_swept_again_and_again_and_only_when_something_is_there() public {
        address at = receivers.receiverOf(PAYEE);
        vm.expectRevert(Errors.ZeroAmount.selector);
        receivers.sweep(PAYEE, address(usdc));
        for (uint256 i = 1; i < 4; i++) {
            usdc.mint(at, 100);
            receivers.sweep(PAYEE, address(usdc));
            vm.assertEq(usdc.balanceOf(PAYEE), 80 * i);
        }
        vm.expectRevert(Errors.ZeroAmount.selector);
        receivers.sweep(PAYEE, address(usdc));
        vm.expectRevert(Errors.ZeroAddress.selector);
        receivers.sweep(address(0), address(usdc));
    }

    function test_every_payee_has_an_address_of_its_own() public {
        usdc.mint(receivers.receiverOf(PAYEE), 100);
        vm.assertTrue(receivers.receiverOf(PAYEE) != receivers.receiverOf(stranger));
        vm.expectRevert(Errors.ZeroAmount.selector);
        receivers.sweep(stranger, address(usdc));
    }

    function test_a_token_that_was_never_taken_knows_no_fee() public {
        TestUSDC other = new TestUSDC();
        other.mint(receivers.receiverOf(PAYEE), 100);
        receivers.sweep(PAYEE, address(other));
        vm.assertEq(other.balanceOf(PAYEE), 100);
    }

    function test_a_token_that_is_not_taken_any_more_keeps_its_fee() public {
        vm.prank(governance);
        vouchers.setToken(address(usdc), false, 2_000);
        usdc.mint(receivers.receiverOf(PAYEE), 100);
        receivers.sweep(PAYEE, address(usdc));
        vm.assertEq(usdc.balanceOf(PAYEE), 80);
    }

    function test_nobody_else_takes_what_is_there() public {
        address at = receivers.receiverOf(PAYEE);
        usdc.mint(at, 1);
        receivers.sweep(PAYEE, address(usdc));
        usdc.mint(at, 100);
        vm.prank(PAYEE);
        vm.expectRevert(abi.encodeWithSelector(IReceivers.NotReceivers.selector, PAYEE));
        Receiver(at).release(IERC20(address(usdc)), PAYEE, 100);
    }

    function testFuzz_nothing_is_lost_or_made_on_the_way(uint128 amount) public {
        vm.assume(amount != 0);
        address at = receivers.receiverOf(PAYEE);
        usdc.mint(at, amount);
        receivers.sweep(PAYEE, address(usdc));
        vm.assertEq(usdc.balanceOf(PAYEE) + usdc.balanceOf(treasury), amount);
        vm.assertEq(usdc.balanceOf(at) + usdc.balanceOf(address(receivers)), 0);
    }
}
