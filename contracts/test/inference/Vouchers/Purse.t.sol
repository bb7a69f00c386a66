// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersPurseTest is InferenceNetwork {
    function test_anybody_fills_a_purse_and_the_money_comes_from_them() public {
        usdc.mint(stranger, 50);
        vm.prank(stranger);
        usdc.approve(address(vouchers), 50);
        vm.prank(stranger);
        vouchers.deposit(payer, address(usdc), 50, noPermit);
        vm.assertEq(purse(), 50);
        vm.assertEq(usdc.balanceOf(stranger), 0);
        vm.prank(payer);
        vm.expectRevert(Errors.ZeroAmount.selector);
        vouchers.deposit(payer, address(usdc), 0, noPermit);
        vm.prank(payer);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vouchers.deposit(address(0), address(usdc), 1, noPermit);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(this)));
        vouchers.deposit(payer, address(this), 1, noPermit);
    }

    function test_what_is_announced_is_taken_back_after_a_quarter_of_an_hour_and_not_sooner() public {
        fill(100);
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.withdrawPurse(address(usdc), payer);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 70);
        uint256 leavesAt = block.timestamp + 15 minutes;
        vm.warp(leavesAt - 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotYet.selector, leavesAt));
        vouchers.withdrawPurse(address(usdc), payer);
        vm.warp(leavesAt);
        vm.prank(payer);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vouchers.withdrawPurse(address(usdc), address(0));
        vm.prank(payer);
        vm.assertEq(vouchers.withdrawPurse(address(usdc), stranger), 70);
        vm.assertEq(usdc.balanceOf(stranger), 70);
        vm.assertEq(purse(), 30);
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.withdrawPurse(address(usdc), payer);
    }

    function test_an_announcement_is_made_anew_and_called_off() public {
        fill(100);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 70);
        vm.warp(block.timestamp + 14 minutes);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 100);
        uint256 leavesAt = block.timestamp + 15 minutes;
        vm.warp(block.timestamp + 1 minutes);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotYet.selector, leavesAt));
        vouchers.withdrawPurse(address(usdc), payer);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 0);
        vm.warp(leavesAt);
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.withdrawPurse(address(usdc), payer);
    }

    function test_a_draw_has_what_is_leaving_until_it_is_taken() public {
        fill(100);
        allow(100);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 80);
        vm.warp(block.timestamp + 15 minutes);
        vm.assertEq(drawTo(channel(1), 60), 60);
        vm.prank(payer);
        vm.assertEq(vouchers.withdrawPurse(address(usdc), payer), 40);
        vm.assertEq(purse(), 0);
    }

    function test_nobody_takes_what_another_announced() public {
        fill(100);
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), 100);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(stranger);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.withdrawPurse(address(usdc), stranger);
        vm.prank(session);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.withdrawPurse(address(usdc), session);
    }
}
