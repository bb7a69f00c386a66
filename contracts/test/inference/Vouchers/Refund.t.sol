// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersRefundTest is InferenceNetwork {
    function test_what_is_not_claimed_goes_back_and_the_key_may_draw_it_again() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        claim(oneClaim(config, 300, 300));
        vouchers.refundWithSignature(config, 200, 0, refundBy(AUTHORIZER_KEY, config, 0, 200));
        vm.assertEq(purse(), 200);
        vm.assertEq(unclaimed(config), 500);
        vm.assertEq(vouchers.keyOf(session).drawn, 800);
        // All that there is, where more is said.
        vouchers.refundWithSignature(config, 9_000, 1, refundBy(AUTHORIZER_KEY, config, 1, 9_000));
        vm.assertEq(purse(), 700);
        vm.assertEq(vouchers.keyOf(session).drawn, 300);
        vm.expectRevert(Errors.ZeroAmount.selector);
        vouchers.refundWithSignature(config, 1, 2, refundBy(AUTHORIZER_KEY, config, 2, 1));
        vm.assertEq(drawTo(config, 1_700), 700);
    }

    function test_a_refund_is_the_authorizers_and_good_once() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        bytes memory forged = refundBy(SESSION_KEY, config, 0, 200);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.refundWithSignature(config, 200, 0, forged);
        bytes memory signature = refundBy(AUTHORIZER_KEY, config, 0, 200);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.refundWithSignature(config, 201, 0, signature);
        vouchers.refundWithSignature(config, 200, 0, signature);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.BadNonce.selector, 0, 1));
        vouchers.refundWithSignature(config, 200, 0, signature);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.refundWithSignature(config, 200, 1, signature);
        vm.assertEq(vouchers.refundNonce(idOf(config)), 1);
    }

    function testFuzz_what_a_key_drew_is_what_left_the_purse_for_good(
        uint96 drawn,
        uint96 claimed,
        uint128 back
    ) public {
        drawn = uint96(drawn % 1e12) + 1;
        claimed = uint96(claimed % drawn);
        IVouchers.ChannelConfig memory config = funded(1, drawn);
        if (claimed != 0) claim(oneClaim(config, claimed, claimed));
        if (back == 0) return;
        vouchers.refundWithSignature(config, back, 0, refundBy(AUTHORIZER_KEY, config, 0, back));
        vm.assertEq(purse() + vouchers.keyOf(session).drawn, drawn);
        vm.assertEq(unclaimed(config) + claimed + purse(), drawn);
    }
}
