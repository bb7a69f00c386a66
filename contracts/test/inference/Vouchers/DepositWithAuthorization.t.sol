// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TestUSDC} from "../../../src/devnet/TestUSDC.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {ObligingToken} from "../../fakes/ObligingToken.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersDepositWithAuthorizationTest is InferenceNetwork {
    bytes32 private constant SALT = "salt";

    function authorize(IVouchers.ChannelConfig memory config, uint96 amount)
        private
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        // Its nonce as x402's client makes it.
        bytes32 nonce = keccak256(abi.encode(idOf(config), uint256(SALT)));
        bytes32 structHash =
            keccak256(abi.encode(typehash, payer, address(vouchers), amount, 0, LATER, nonce));
        return sign(PAYER_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
    }

    function test_a_payer_sends_money_to_one_channel_without_a_transaction_of_its_own() public {
        IVouchers.ChannelConfig memory config = channel(1);
        config.payerAuthorizer = payer;
        bytes memory signature = authorize(config, 500);
        IVouchers.ChannelConfig memory other = config;
        other = channel(2);
        vm.expectRevert(TestUSDC.BadAuthorization.selector);
        vouchers.depositWithAuthorization(other, 500, 0, LATER, SALT, signature);
        vm.prank(stranger);
        vouchers.depositWithAuthorization(config, 500, 0, LATER, SALT, signature);
        vm.assertEq(unclaimed(config), 500);
        vm.assertEq(usdc.balanceOf(address(vouchers)), 500);
        vm.expectRevert(TestUSDC.BadAuthorization.selector);
        vouchers.depositWithAuthorization(config, 500, 0, LATER, SALT, signature);
        // What is left goes to the purse.
        IVouchers.VoucherClaim[] memory rows = oneClaim(config, 300, 300);
        rows[0].signature = voucherBy(PAYER_KEY, config, 300);
        claim(rows);
        vouchers.refundWithSignature(config, 200, 0, refundBy(AUTHORIZER_KEY, config, 0, 200));
        vm.assertEq(purse(), 200);
    }

    function test_what_goes_back_counts_for_the_key_as_far_as_it_drew() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        vouchers.depositWithAuthorization(config, 500, 0, LATER, SALT, authorize(config, 500));
        vouchers.refundWithSignature(config, 600, 0, refundBy(AUTHORIZER_KEY, config, 0, 600));
        vm.assertEq(vouchers.keyOf(session).drawn, 0);
        vm.assertEq(purse(), 600);
    }

    function test_nothing_no_channel_and_a_token_that_is_not_taken_are_refused() public {
        IVouchers.ChannelConfig memory config = channel(1);
        vm.expectRevert(Errors.ZeroAmount.selector);
        vouchers.depositWithAuthorization(config, 0, 0, LATER, SALT, "");
        config.withdrawDelay = 1;
        vm.expectRevert(skipped(IVouchers.Skip.BadChannel));
        vouchers.depositWithAuthorization(config, 1, 0, LATER, SALT, "");
        config.token = address(this);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(this)));
        vouchers.depositWithAuthorization(config, 1, 0, LATER, SALT, "");
    }

    function test_a_token_that_answers_any_call_pays_nothing_in() public {
        ObligingToken token = new ObligingToken();
        vm.prank(governance);
        vouchers.setToken(address(token), true, 0);
        IVouchers.ChannelConfig memory config = channel(1);
        config.token = address(token);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NotPaidIn.selector, address(token), 500));
        vouchers.depositWithAuthorization(config, 500, 0, LATER, SALT, "");
    }
}
