// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersWithdrawChannelTest is InferenceNetwork {
    IVouchers.ChannelConfig private config;

    function setUp() public override {
        super.setUp();
        config = funded(1, 1_000);
    }

    function test_what_is_not_claimed_in_time_goes_back_to_the_purse() public {
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.finalizeWithdraw(config);
        vm.prank(payer);
        vouchers.initiateWithdraw(config, 800);
        uint256 from = block.timestamp + 900;
        vm.warp(from - 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotYet.selector, from));
        vouchers.finalizeWithdraw(config);
        // Claims go first.
        claim(oneClaim(config, 600, 600));
        vm.warp(from);
        vm.prank(payer);
        vouchers.finalizeWithdraw(config);
        vm.assertEq(purse(), 400);
        vm.assertEq(unclaimed(config), 0);
        vm.assertEq(vouchers.keyOf(session).drawn, 600);
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.finalizeWithdraw(config);
        // A voucher from before is worth nothing more, until the channel has money again.
        claim(oneClaim(config, 900, 900));
        vm.assertEq(vouchers.credit(provider, address(usdc)), 480);
    }

    function test_the_key_begins_and_ends_it_too_but_can_not_put_off_what_its_payer_announced() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotPayer.selector, stranger));
        vouchers.initiateWithdraw(config, 800);
        vm.prank(session);
        vouchers.initiateWithdraw(config, 100);
        vm.prank(payer);
        vouchers.initiateWithdraw(config, 800);
        (uint128 amount, uint40 at) = vouchers.pendingWithdrawals(idOf(config));
        vm.assertEq(amount, 800);
        vm.assertEq(at, block.timestamp);
        vm.warp(block.timestamp + 800);
        vm.prank(session);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotPayer.selector, session));
        vouchers.initiateWithdraw(config, 0);
        vm.prank(session);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotPayer.selector, session));
        vouchers.initiateWithdraw(config, 800);
        vm.warp(block.timestamp + 100);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotPayer.selector, stranger));
        vouchers.finalizeWithdraw(config);
        vm.prank(session);
        vouchers.finalizeWithdraw(config);
        vm.assertEq(purse(), 800);
    }

    function test_a_payer_calls_it_off() public {
        vm.prank(payer);
        vouchers.initiateWithdraw(config, 800);
        vm.prank(payer);
        vouchers.initiateWithdraw(config, 0);
        vm.warp(block.timestamp + 1 days);
        vm.prank(payer);
        vm.expectRevert(IVouchers.NothingAnnounced.selector);
        vouchers.finalizeWithdraw(config);
    }

    function test_a_delay_of_another_channel_is_none_of_this() public {
        IVouchers.ChannelConfig memory quick = config;
        quick.withdrawDelay = 0;
        vm.prank(payer);
        vouchers.initiateWithdraw(quick, 800);
        vm.prank(payer);
        vouchers.finalizeWithdraw(quick);
        vm.assertEq(purse(), 0);
        vm.assertEq(unclaimed(config), 1_000);
    }
}
