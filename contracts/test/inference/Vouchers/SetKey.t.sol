// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersSetKeyTest is InferenceNetwork {
    function test_a_key_is_registered_with_its_consent_and_changed_without() public {
        allow(100);
        IVouchers.Key memory key = vouchers.keyOf(session);
        vm.assertEq(key.payer, payer);
        vm.assertEq(key.cap, 100);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 7, 8, "");
        key = vouchers.keyOf(session);
        vm.assertEq(key.cap, 7);
        vm.assertEq(key.until, 8);
        vm.assertEq(key.token, address(usdc));
    }

    function test_nobody_registers_another_ones_key_even_with_a_consent_that_was_seen() public {
        bytes memory consent = keyConsent(SESSION_KEY, payer);
        // Seen before it is in a block, it is of no use to whoever is quicker.
        vm.prank(stranger);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.setKey(session, address(usdc), 100, LATER, consent);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 100, LATER, consent);
        bytes memory second = keyConsent(SESSION_KEY, stranger);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.KeyTaken.selector, session));
        vouchers.setKey(session, address(usdc), 100, LATER, second);
    }

    function test_a_consent_is_for_one_contract_on_one_chain() public {
        bytes memory consent = keyConsent(SESSION_KEY, payer);
        vm.chainId(1);
        vm.prank(payer);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.setKey(session, address(usdc), 100, LATER, consent);
    }

    function test_a_key_is_for_one_token_that_is_taken() public {
        bytes memory consent = keyConsent(SESSION_KEY, payer);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(this)));
        vouchers.setKey(session, address(this), 100, LATER, consent);
        vm.prank(payer);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vouchers.setKey(address(0), address(usdc), 100, LATER, "");
        allow(100);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.KeyTaken.selector, session));
        vouchers.setKey(session, address(cloi), 100, LATER, "");
    }
}
