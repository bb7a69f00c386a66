// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingReportOverchargeTest is SlashingStage {
    bytes32 private lease;
    bytes32 private offer;

    function setUp() public override {
        super.setUp();
        lease = leaseOf(provider, 1);
        offer = offerFor(lease, provider);
    }

    /// @dev A lease on the worker that `who` opens and pays.
    function leaseOf(address who, uint256 salt) private returns (bytes32) {
        usdc.mint(who, 100_000);
        vm.prank(who);
        usdc.approve(address(market), 100_000);
        IMarket.Bid memory bid = makeBid(address(usdc), 1, salt);
        bid.tenant = who;
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(who);
        return market.open(bid, signature, 100_000, "", noPermit);
    }

    /// @dev 1,000 units for a million tokens in, half of that for cached ones, and 4,000 for those out.
    function offerFor(bytes32 on, address who) private returns (bytes32) {
        vm.prank(who);
        return vouchers.offer(on, IVouchers.Terms(address(usdc), 1_000, who, 500, 4_000), "tiny", "{}");
    }

    function chargeOf(uint128 amount) private view returns (ISlashing.Charge memory) {
        return ISlashing.Charge(offer, "channel", 2_000, 1_000, 1_000, amount, amount, "details");
    }

    function receiptOf(ISlashing.Charge memory charge, bytes32 on)
        private
        view
        returns (ISlashing.Receipt memory)
    {
        bytes32 typehash = keccak256(
            "Charge(bytes32 offer,bytes32 channel,uint64 input,uint64 cached,uint64 output,uint128 amount,uint128 total,bytes32 details)"
        );
        return ISlashing.Receipt(worker, on, 1, 7, keccak256(abi.encode(typehash, charge)));
    }

    function report(ISlashing.Charge memory charge) private returns (uint256) {
        ISlashing.Receipt memory receipt = receiptOf(charge, lease);
        return slashing.reportOvercharge(receipt, receiptBy(WORKER_KEY, receipt), charge);
    }

    function test_a_provider_that_charges_more_than_it_offers_loses_stake_once() public {
        ISlashing.Charge memory charge = chargeOf(7);
        ISlashing.Receipt memory receipt = receiptOf(charge, lease);
        bytes memory signature = receiptBy(WORKER_KEY, receipt);
        vm.prank(stranger);
        vm.assertEq(slashing.reportOvercharge(receipt, signature, charge), POOL / 20);
        vm.assertEq(token.balanceOf(stranger), POOL / 100);
        vm.warp(block.timestamp + 2 days);
        bytes32 deed =
            keccak256(abi.encode(ISlashing.Offence.Overcharge, worker, lease, uint64(1), uint64(7)));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.KnownAlready.selector, deed));
        slashing.reportOvercharge(receipt, signature, charge);
    }

    function test_what_the_offer_says_is_no_overcharge_also_once_it_was_replaced() public {
        ISlashing.Charge memory charge = chargeOf(6);
        ISlashing.Receipt memory receipt = receiptOf(charge, lease);
        bytes memory signature = receiptBy(WORKER_KEY, receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NoOvercharge.selector, 6, 6));
        slashing.reportOvercharge(receipt, signature, charge);
        vm.prank(provider);
        vouchers.offer(lease, IVouchers.Terms(address(usdc), 1, provider, 1, 1), "tiny", "{}");
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NoOvercharge.selector, 6, 6));
        slashing.reportOvercharge(receipt, signature, charge);
    }

    function test_an_offer_of_another_lease_and_none_allow_nothing() public {
        bytes32 second = leaseOf(provider, 2);
        ISlashing.Charge memory charge = chargeOf(1);
        charge.offer = offerFor(second, provider);
        vm.assertEq(report(charge), POOL / 20);
        vm.warp(block.timestamp + 2 days);
        charge.offer = 0;
        charge.details = "other";
        ISlashing.Receipt memory receipt = receiptOf(charge, lease);
        receipt.sequence = 8;
        bytes memory signature = receiptBy(WORKER_KEY, receipt);
        vm.assertGe(slashing.reportOvercharge(receipt, signature, charge), 1);
        charge.amount = 0;
        receipt = receiptOf(charge, lease);
        signature = receiptBy(WORKER_KEY, receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NoOvercharge.selector, 0, 0));
        slashing.reportOvercharge(receipt, signature, charge);
    }

    function test_a_tenant_can_not_have_a_provider_slashed_by_what_it_runs_itself() public {
        bytes32 foreign = leaseOf(tenant, 3);
        ISlashing.Charge memory charge = chargeOf(1_000_000);
        charge.offer = offerFor(foreign, tenant);
        ISlashing.Receipt memory receipt = receiptOf(charge, foreign);
        bytes memory signature = receiptBy(WORKER_KEY, receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotProvidersLease.selector, foreign));
        slashing.reportOvercharge(receipt, signature, charge);
        // Nor by a receipt for a lease that isn't there, or is on another worker.
        receipt = receiptOf(charge, "none");
        signature = receiptBy(WORKER_KEY, receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotProvidersLease.selector, bytes32("none")));
        slashing.reportOvercharge(receipt, signature, charge);
        charge = chargeOf(1_000_000);
        receipt = receiptOf(charge, lease);
        receipt.worker = vm.addr(keys[0]);
        signature = receiptBy(keys[0], receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotProvidersLease.selector, lease));
        slashing.reportOvercharge(receipt, signature, charge);
    }

    function test_a_receipt_for_something_else_and_one_that_is_not_the_workers_prove_nothing() public {
        ISlashing.Charge memory charge = chargeOf(7);
        ISlashing.Receipt memory receipt = receiptOf(charge, lease);
        bytes memory signature = receiptBy(WORKER_KEY, receipt);
        charge.amount = 8;
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotCharged.selector, receipt.content));
        slashing.reportOvercharge(receipt, signature, charge);
        charge.amount = 7;
        signature = receiptBy(keys[0], receipt);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotSignedByWorker.selector, worker));
        slashing.reportOvercharge(receipt, signature, charge);
    }
}
