// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

contract VouchersOfferTest is InferenceNetwork {
    bytes32 private lease;

    function setUp() public override {
        super.setUp();
        register();
        attest();
        lease = openLease(address(usdc), 16, 100_000, 1);
    }

    function terms() private view returns (IVouchers.Terms memory) {
        return IVouchers.Terms(address(usdc), 1_000, provider, 500, 4_000);
    }

    function test_a_tenant_offers_what_its_lease_runs_and_the_terms_stay_readable() public {
        vm.prank(tenant);
        bytes32 first = vouchers.offer(lease, terms(), "tiny", "{}");
        vm.assertEq(first, keccak256(abi.encode(address(vouchers), block.chainid, lease, 0)));
        IVouchers.Terms memory cheaper = terms();
        cheaper.output = 2_000;
        vm.prank(tenant);
        bytes32 second = vouchers.offer(lease, cheaper, "tiny", "{}");
        vm.assertEq(vouchers.offerOf(lease), second);
        vm.assertEq(vouchers.leaseOfOffer(first), lease);
        vm.assertEq(vouchers.termsOfOffer(first).output, 4_000);
        vm.assertEq(vouchers.offerCount(lease), 2);
    }

    function test_nobody_else_offers_and_nothing_is_offered_that_is_not_open() public {
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, provider));
        vouchers.offer(lease, terms(), "tiny", "{}");
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseNotOpen.selector, bytes32("none")));
        vouchers.offer("none", terms(), "tiny", "{}");
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseNotOpen.selector, lease));
        vouchers.offer(lease, terms(), "tiny", "{}");
    }

    function test_an_offer_names_a_token_that_is_taken_somebody_to_pay_and_a_model() public {
        IVouchers.Terms memory wrong = terms();
        wrong.token = address(this);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(this)));
        vouchers.offer(lease, wrong, "tiny", "{}");
        wrong = terms();
        wrong.payee = address(0);
        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vouchers.offer(lease, wrong, "tiny", "{}");
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.BadOffer.selector, 0, 2));
        vouchers.offer(lease, terms(), "", "{}");
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.BadOffer.selector, 129, 2));
        vouchers.offer(lease, terms(), string(new bytes(129)), "{}");
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IVouchers.BadOffer.selector, 4, 8_193));
        vouchers.offer(lease, terms(), "tiny", string(new bytes(8_193)));
        vm.prank(tenant);
        vouchers.offer(lease, terms(), string(new bytes(128)), string(new bytes(8_192)));
    }

    function test_an_offer_is_ended_by_its_tenant_and_by_anybody_once_the_lease_is_over() public {
        vm.expectRevert(abi.encodeWithSelector(IVouchers.NoOffer.selector, lease));
        vouchers.endOffer(lease);
        vm.prank(tenant);
        vouchers.offer(lease, terms(), "tiny", "{}");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, stranger));
        vouchers.endOffer(lease);
        vm.prank(tenant);
        vouchers.endOffer(lease);
        vm.assertEq(vouchers.offerOf(lease), 0);
        vm.prank(tenant);
        vouchers.offer(lease, terms(), "tiny", "{}");
        vm.prank(tenant);
        market.close(lease, tenant);
        vm.prank(stranger);
        vouchers.endOffer(lease);
    }

    function test_a_price_is_rounded_up_once_and_nothing_without_an_offer() public {
        vm.prank(tenant);
        bytes32 id = vouchers.offer(lease, terms(), "tiny", "{}");
        vm.assertEq(vouchers.priceOf(id, 0, 0, 0), 0);
        vm.assertEq(vouchers.priceOf(id, 1, 0, 0), 1);
        vm.assertEq(vouchers.priceOf(id, 2_000, 1_000, 1_000), 6);
        vm.assertEq(vouchers.priceOf(id, 1_000, 5_000, 0), 1);
        vm.assertEq(vouchers.priceOf("none", 2_000, 1_000, 1_000), 0);
    }

    function testFuzz_a_price_holds_for_any_usage(
        uint64 input,
        uint64 cached,
        uint64 output,
        uint96 perInput,
        uint96 perCached,
        uint96 perOutput
    ) public {
        IVouchers.Terms memory any = IVouchers.Terms(address(usdc), perInput, provider, perCached, perOutput);
        vm.prank(tenant);
        bytes32 id = vouchers.offer(lease, any, "tiny", "{}");
        uint256 known = cached < input ? cached : input;
        uint256 millionths =
            (uint256(input) - known) * perInput + known * perCached + uint256(output) * perOutput;
        uint256 price = vouchers.priceOf(id, input, cached, output);
        vm.assertGe(price * 1e6, millionths);
        vm.assertLe(price * 1e6, millionths + 999_999);
    }
}
