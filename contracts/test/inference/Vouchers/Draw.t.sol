// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersDrawTest is InferenceNetwork {
    function setUp() public override {
        super.setUp();
        fill(1_000);
        allow(600);
    }

    function test_a_draw_moves_what_is_new_and_handed_in_again_nothing() public {
        IVouchers.ChannelConfig memory config = channel(1);
        vm.assertEq(vouchers.getChannelId(config), idOf(config));
        vm.assertEq(drawTo(config, 100), 100);
        vm.assertEq(drawTo(config, 250), 150);
        bytes memory old = drawBy(SESSION_KEY, config, 250);
        vm.expectRevert(skipped(IVouchers.Skip.NotGrowing));
        vouchers.draw(config, 250, old);
        old = drawBy(SESSION_KEY, config, 100);
        vm.expectRevert(skipped(IVouchers.Skip.NotGrowing));
        vouchers.draw(config, 100, old);
        vm.assertEq(purse(), 750);
        vm.assertEq(unclaimed(config), 250);
        vm.assertEq(vouchers.totalDrawn(idOf(config)), 250);
    }

    function test_a_key_draws_up_to_its_cap_over_all_channels_and_not_after_its_end() public {
        vm.assertEq(drawTo(channel(1), 400), 400);
        vm.assertEq(drawTo(channel(2), 400), 200);
        bytes memory signature = drawBy(SESSION_KEY, channel(2), 400);
        vm.expectRevert(skipped(IVouchers.Skip.KeyUsedUp));
        vouchers.draw(channel(2), 400, signature);
        // A lower cap stops it, a higher one lets the same draw go on.
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 10, LATER, "");
        vm.expectRevert(skipped(IVouchers.Skip.KeyUsedUp));
        vouchers.draw(channel(2), 400, signature);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 1_000, uint48(block.timestamp), "");
        vm.warp(block.timestamp + 1);
        vm.expectRevert(skipped(IVouchers.Skip.KeyOver));
        vouchers.draw(channel(2), 400, signature);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 1_000, uint48(block.timestamp), "");
        vm.assertEq(vouchers.draw(channel(2), 400, signature), 200);
    }

    function test_a_draw_moves_no_more_than_the_purse_has() public {
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 5_000, LATER, "");
        vm.assertEq(drawTo(channel(1), 3_000), 1_000);
        bytes memory signature = drawBy(SESSION_KEY, channel(1), 3_000);
        vm.expectRevert(skipped(IVouchers.Skip.PurseEmpty));
        vouchers.draw(channel(1), 3_000, signature);
        fill(50);
        vm.assertEq(vouchers.draw(channel(1), 3_000, signature), 50);
    }

    function test_a_payer_draws_without_a_cap_of_its_own() public {
        IVouchers.ChannelConfig memory config = channel(1);
        config.payerAuthorizer = payer;
        vm.assertEq(vouchers.draw(config, 900, drawBy(PAYER_KEY, config, 900)), 900);
        vm.assertEq(vouchers.keyOf(session).drawn, 0);
    }

    function test_nobody_draws_for_a_purse_whose_key_they_do_not_have() public {
        IVouchers.ChannelConfig memory config = channel(1);
        bytes memory forged = drawBy(AUTHORIZER_KEY, config, 100);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(config, 100, forged);
        // By a key that nobody registered, by one of another payer, and by one for another token.
        config.payerAuthorizer = authorizer;
        vm.expectRevert(skipped(IVouchers.Skip.NotPayersKey));
        vouchers.draw(config, 100, drawBy(AUTHORIZER_KEY, config, 100));
        usdc.mint(stranger, 100);
        vm.prank(stranger);
        usdc.approve(address(vouchers), 100);
        vm.prank(stranger);
        vouchers.deposit(stranger, address(usdc), 100, noPermit);
        config = channel(1);
        config.payer = stranger;
        bytes memory signature = drawBy(SESSION_KEY, config, 100);
        vm.expectRevert(skipped(IVouchers.Skip.NotPayersKey));
        vouchers.draw(config, 100, signature);
        cloi.mint(payer, 100);
        vm.prank(payer);
        cloi.approve(address(vouchers), 100);
        vm.prank(payer);
        vouchers.deposit(payer, address(cloi), 100, noPermit);
        config = channel(1);
        config.token = address(cloi);
        signature = drawBy(SESSION_KEY, config, 100);
        vm.expectRevert(skipped(IVouchers.Skip.NotPayersKey));
        vouchers.draw(config, 100, signature);
        // Nobody's account, of which anybody could say that it signed.
        config = channel(1);
        config.payerAuthorizer = address(0);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(config, 100, new bytes(65));
    }

    function test_a_draw_is_for_one_channel_of_one_contract_on_one_chain() public {
        IVouchers.ChannelConfig memory config = channel(1);
        bytes memory signature = drawBy(SESSION_KEY, config, 100);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(channel(2), 100, signature);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(config, 101, signature);
        vm.chainId(1);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(config, 100, signature);
        vm.chainId(31337);
        vm.assertEq(vouchers.draw(config, 100, signature), 100);
        // A voucher is no draw.
        bytes memory voucher = voucherBy(SESSION_KEY, config, 200);
        vm.expectRevert(skipped(IVouchers.Skip.NotSigned));
        vouchers.draw(config, 200, voucher);
    }

    function test_a_channel_has_a_receiver_its_authorizer_and_a_delay_within_bounds() public {
        IVouchers.ChannelConfig[4] memory bad = [channel(1), channel(1), channel(1), channel(1)];
        bad[0].receiver = address(0);
        bad[1].receiverAuthorizer = address(0);
        bad[2].withdrawDelay = 899;
        bad[3].withdrawDelay = 30 days + 1;
        for (uint256 i; i < bad.length; ++i) {
            bytes memory signature = drawBy(SESSION_KEY, bad[i], 100);
            vm.expectRevert(skipped(IVouchers.Skip.BadChannel));
            vouchers.draw(bad[i], 100, signature);
        }
    }

    function test_many_draws_are_handed_in_at_once_and_bad_ones_spoil_nothing() public {
        IVouchers.SignedDraw[] memory draws = new IVouchers.SignedDraw[](4);
        draws[0] = IVouchers.SignedDraw(channel(1), 100, drawBy(AUTHORIZER_KEY, channel(1), 100));
        draws[1] = IVouchers.SignedDraw(channel(2), 100, drawBy(SESSION_KEY, channel(2), 100));
        draws[2] = draws[1];
        draws[3] = IVouchers.SignedDraw(channel(3), 900, drawBy(SESSION_KEY, channel(3), 900));
        vouchers.drawMany(draws);
        vm.assertEq(unclaimed(channel(1)), 0);
        vm.assertEq(unclaimed(channel(2)), 100);
        vm.assertEq(unclaimed(channel(3)), 500);
        vm.assertEq(purse(), 400);
    }

    function testFuzz_draws_come_to_no_more_than_cap_and_purse(
        uint96 inPurse,
        uint96 cap,
        uint128[4] memory totals
    ) public {
        usdc.mint(payer, inPurse);
        uint256 has = purse();
        if (inPurse > type(uint96).max - has) inPurse = uint96(type(uint96).max - has);
        if (inPurse != 0) fill(inPurse);
        has = purse();
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), cap, LATER, "");
        IVouchers.SignedDraw[] memory draws = new IVouchers.SignedDraw[](4);
        for (uint256 i; i < 4; ++i) {
            draws[i] = IVouchers.SignedDraw(
                channel(i % 2), totals[i], drawBy(SESSION_KEY, channel(i % 2), totals[i])
            );
        }
        vouchers.drawMany(draws);
        uint256 drawn = unclaimed(channel(0)) + unclaimed(channel(1));
        vm.assertEq(vouchers.keyOf(session).drawn, drawn);
        vm.assertLe(drawn, cap);
        vm.assertEq(purse() + drawn, has);
        for (uint256 i; i < 2; ++i) {
            uint128 most = totals[i] > totals[i + 2] ? totals[i] : totals[i + 2];
            vm.assertLe(vouchers.totalDrawn(idOf(channel(i))), most);
        }
    }
}
