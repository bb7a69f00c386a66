// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {Vouchers} from "../../../src/inference/Vouchers.sol";
import {vm, Vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersClaimTest is InferenceNetwork {
    function test_a_voucher_is_claimed_up_to_its_sum_once_less_the_fee() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        claim(oneClaim(config, 700, 500));
        vm.assertEq(vouchers.credit(provider, address(usdc)), 400);
        vm.assertEq(vouchers.fees(address(usdc)), 100);
        claim(oneClaim(config, 700, 700));
        // Replayed, it is worth nothing.
        claim(oneClaim(config, 700, 700));
        claim(oneClaim(config, 700, 500));
        vm.assertEq(vouchers.credit(provider, address(usdc)), 560);
        vm.assertEq(vouchers.fees(address(usdc)), 140);
        vm.assertEq(unclaimed(config), 300);
        vm.prank(provider);
        vouchers.withdraw(address(usdc), provider);
        vm.assertEq(usdc.balanceOf(provider), 560);
        vouchers.collect(address(usdc));
        vm.assertEq(usdc.balanceOf(treasury), 140);
    }

    function test_a_fee_is_rounded_up_against_the_receiver() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        for (uint128 i = 1; i <= 4; ++i) {
            claim(oneClaim(config, i, i));
        }
        // Claimed one by one, four cost four.
        vm.assertEq(vouchers.fees(address(usdc)), 4);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 0);
    }

    function test_rows_that_can_not_be_claimed_change_nothing_and_spoil_nothing() public {
        IVouchers.ChannelConfig memory good = funded(1, 1_000);
        IVouchers.ChannelConfig memory foreign = channel(2);
        foreign.receiverAuthorizer = stranger;
        IVouchers.VoucherClaim[] memory rows = new IVouchers.VoucherClaim[](8);
        rows[0] = claimOf(foreign, 100, 100);
        rows[1] = claimOf(good, 100, 101);
        rows[2] = claimOf(good, 2_000, 1_001);
        rows[3] = claimOf(channel(3), 100, 100);
        rows[4] = claimOf(good, 100, 0);
        rows[5] = claimOf(good, 100, 100);
        rows[5].signature = voucherBy(AUTHORIZER_KEY, good, 100);
        rows[6] = claimOf(good, 100, 100);
        rows[6].signature = new bytes(0);
        rows[7] = claimOf(good, 600, 600);
        vm.recordLogs();
        claim(rows);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        IVouchers.Skip[7] memory reasons = [
            IVouchers.Skip.ForeignAuthorizer,
            IVouchers.Skip.AboveVoucher,
            IVouchers.Skip.AboveBalance,
            IVouchers.Skip.AboveBalance,
            IVouchers.Skip.NotGrowing,
            IVouchers.Skip.NotSigned,
            IVouchers.Skip.NotSigned
        ];
        vm.assertEq(logs.length, 8);
        for (uint256 i; i < reasons.length; ++i) {
            vm.assertEq(logs[i].topics[0], IVouchers.ClaimSkipped.selector);
            vm.assertEq(abi.decode(logs[i].data, (uint256)), uint256(reasons[i]));
        }
        vm.assertEq(logs[7].topics[0], IVouchers.ChannelClaimed.selector);
        vm.assertEq(unclaimed(good), 400);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 480);
    }

    function test_anybody_hands_in_what_the_receivers_authorizer_signed_and_nothing_else_of_it() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        IVouchers.VoucherClaim[] memory rows = oneClaim(config, 700, 500);
        bytes memory signature = batchBy(AUTHORIZER_KEY, rows);
        // Another sum than the authorizer signed is another batch, of nobody's.
        rows[0].totalClaimed = 600;
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.claimWithSignature(rows, signature);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 0);
        rows[0].totalClaimed = 500;
        vm.prank(stranger);
        vouchers.claimWithSignature(rows, signature);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 400);
        vm.prank(stranger);
        vouchers.claimWithSignature(rows, signature);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 400);
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.claimWithSignature(rows, new bytes(65));
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.claimWithSignature(rows, "");
        vm.expectRevert(Errors.ZeroAmount.selector);
        vouchers.claimWithSignature(new IVouchers.VoucherClaim[](0), signature);
        // Nor does a first row of one's own claim what is another's.
        IVouchers.VoucherClaim[] memory two = new IVouchers.VoucherClaim[](2);
        IVouchers.ChannelConfig memory own = channel(9);
        own.receiverAuthorizer = stranger;
        (two[0], two[1]) = (claimOf(own, 1, 1), claimOf(config, 700, 700));
        vm.expectRevert(Errors.BadSignature.selector);
        vouchers.claimWithSignature(two, batchBy(AUTHORIZER_KEY, two));
        vm.prank(stranger);
        vouchers.claim(oneClaim(config, 700, 700));
        vm.assertEq(unclaimed(config), 500);
    }

    function test_a_batch_is_claimed_whoever_its_rows_are_for() public {
        IVouchers.ChannelConfig memory first = funded(1, 100);
        IVouchers.ChannelConfig memory second = channel(2);
        second.receiver = stranger;
        fill(100);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 500, LATER, "");
        drawTo(second, 100);
        cloi.mint(payer, 100);
        vm.prank(payer);
        cloi.approve(address(vouchers), 100);
        vm.prank(payer);
        vouchers.deposit(payer, address(cloi), 100, noPermit);
        IVouchers.ChannelConfig memory third = channel(3);
        (third.payerAuthorizer, third.token) = (payer, address(cloi));
        vouchers.draw(third, 100, drawBy(PAYER_KEY, third, 100));
        IVouchers.VoucherClaim[] memory rows = new IVouchers.VoucherClaim[](4);
        rows[0] = claimOf(first, 50, 50);
        rows[1] = claimOf(second, 100, 100);
        rows[2] = claimOf(third, 100, 100);
        rows[2].signature = voucherBy(PAYER_KEY, third, 100);
        rows[3] = claimOf(first, 100, 100);
        claim(rows);
        vm.assertEq(vouchers.credit(provider, address(usdc)), 80);
        vm.assertEq(vouchers.credit(stranger, address(usdc)), 80);
        vm.assertEq(vouchers.credit(provider, address(cloi)), 96);
        vm.assertEq(vouchers.fees(address(usdc)), 40);
        vm.assertEq(vouchers.fees(address(cloi)), 4);
    }

    function test_a_voucher_is_for_one_channel_of_one_contract_on_one_chain() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        IVouchers.ChannelConfig memory other = funded(2, 100);
        IVouchers.VoucherClaim[] memory rows = oneClaim(config, 100, 100);
        rows[0].voucher.channel = other;
        claim(rows);
        vm.assertEq(unclaimed(other), 100);
        rows[0].voucher.channel = config;
        // The chain forks: there it is another channel, without money.
        vm.chainId(1);
        claim(rows);
        vm.chainId(31337);
        vm.assertEq(unclaimed(config), 100);
        // A second contract has the same channels under other ids.
        Vouchers second = new Vouchers(market, treasury, governance, tokenFees());
        vm.assertTrue(second.getChannelId(config) != idOf(config));
        vm.prank(authorizer);
        second.claim(rows);
        vm.assertEq(second.credit(provider, address(usdc)), 0);
        claim(rows);
        vm.assertEq(unclaimed(config), 0);
    }

    function test_a_row_that_lies_elsewhere_or_nowhere_claims_nothing() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        bytes memory call = abi.encodeCall(IVouchers.claim, (oneClaim(config, 100, 100)));
        // The row's place among the rows, and its signature's in the row: far beyond the end, and around it.
        for (uint256 i; i < 4; ++i) {
            bytes memory odd = bytes.concat(call);
            uint256 at = i % 2 == 0 ? 4 + 2 * 32 : 4 + (3 + 8) * 32;
            uint256 place = i < 2 ? 1 << 255 : type(uint256).max - 31;
            assembly ("memory-safe") {
                mstore(add(add(odd, 32), at), place)
            }
            vm.prank(authorizer);
            (bool done,) = address(vouchers).call(odd);
            vm.assertTrue(done);
            vm.assertEq(unclaimed(config), 100);
            vm.assertEq(vouchers.credit(provider, address(usdc)), 0);
        }
        vm.prank(authorizer);
        (bool good,) = address(vouchers).call(call);
        vm.assertTrue(good);
        vm.assertEq(unclaimed(config), 0);
    }

    function test_words_that_are_not_clean_make_no_channel_and_no_claim() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        bytes memory call = abi.encodeCall(IVouchers.claim, (oneClaim(config, 100, 100)));
        // Each word of the channel with a bit above its type, but for the salt, and both amounts.
        uint256[8] memory words = [uint256(0), 1, 2, 3, 4, 5, 7, 9];
        for (uint256 i; i < words.length; ++i) {
            bytes memory odd = bytes.concat(call);
            uint256 at = 4 + (3 + words[i]) * 32;
            assembly ("memory-safe") {
                let word := add(add(odd, 32), at)
                mstore(word, or(mload(word), shl(200, 1)))
            }
            vm.prank(authorizer);
            (bool done,) = address(vouchers).call(odd);
            vm.assertTrue(done);
            vm.assertEq(unclaimed(config), 100);
        }
    }

    function test_a_signature_in_another_form_is_none() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        IVouchers.VoucherClaim[] memory rows = oneClaim(config, 100, 100);
        (bytes32 r, bytes32 s, uint8 v) = parts(rows[0].signature);
        // With the other root of the curve it would be by the same key.
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        rows[0].signature = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        claim(rows);
        rows[0].signature = bytes.concat(abi.encodePacked(r, s, v), "x");
        claim(rows);
        vm.assertEq(unclaimed(config), 100);
    }

    function test_a_key_that_is_over_stops_no_claim_of_what_it_drew() public {
        IVouchers.ChannelConfig memory config = funded(1, 100);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), 0, 0, "");
        claim(oneClaim(config, 100, 100));
        vm.assertEq(unclaimed(config), 0);
    }

    function test_a_token_that_is_not_taken_any_more_is_claimed_and_a_higher_fee_was_announced() public {
        IVouchers.ChannelConfig memory config = funded(1, 1_000);
        vm.prank(governance);
        vouchers.setToken(address(usdc), false, 1_000);
        claim(oneClaim(config, 100, 100));
        vm.assertEq(vouchers.fees(address(usdc)), 10);
        vm.prank(governance);
        vm.expectRevert();
        vouchers.setToken(address(usdc), true, 2_000);
        change(governance, vouchers, abi.encodeCall(ITill.setToken, (address(usdc), true, 2_000)));
        claim(oneClaim(config, 200, 200));
        vm.assertEq(vouchers.fees(address(usdc)), 30);
    }

    function testFuzz_claims_come_to_no_more_than_vouchers_and_channel(
        uint96 money,
        uint128[3] memory most,
        uint128[3] memory totals
    ) public {
        money = uint96(money % 1e12) + 1;
        IVouchers.ChannelConfig memory config = funded(1, money);
        uint256 highest;
        for (uint256 i; i < 3; ++i) {
            // Half of them within what is there.
            if (i % 2 == 0) (most[i], totals[i]) = (most[i] % money, totals[i] % money);
            claim(oneClaim(config, most[i], totals[i]));
            if (most[i] > highest) highest = most[i];
        }
        (, uint128 claimed) = vouchers.channels(idOf(config));
        vm.assertLe(claimed, highest);
        vm.assertLe(claimed, money);
        vm.assertEq(vouchers.credit(provider, address(usdc)) + vouchers.fees(address(usdc)), claimed);
    }

    function parts(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
