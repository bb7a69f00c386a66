// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {Till} from "../../src/libraries/Till.sol";
import {Workers} from "../../src/market/Workers.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {LeasedNetwork} from "../stages/LeasedNetwork.sol";

/// @dev A provider that is a contract and signs by ERC-1271 whatever digest it was told to.
contract ContractProvider is IERC1271 {
    bytes32 private _approved;

    function approve(bytes32 digest) external {
        _approved = digest;
    }

    function join(Workers workers, address worker, IWorkers.Description calldata d, bytes calldata signature)
        external
    {
        workers.register(worker, d, signature);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == _approved ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract MarketTest is LeasedNetwork {
    // OPEN

    function test_open_escrows_the_deposit_and_remembers_the_bid() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes32 id = open();
        IMarket.Lease memory lease = market.leaseOf(id);
        vm.assertEq(id, market.bidDigest(bid));
        vm.assertEq(lease.tenant, tenant);
        vm.assertEq(lease.worker, worker);
        vm.assertEq(lease.ratePerSecond, RATE);
        vm.assertEq(lease.balance, DEPOSIT);
        vm.assertEq(lease.feeBps, 2_000);
        vm.assertEq(lease.manifestHash, keccak256("manifest"));
        vm.assertEq(market.tokens(lease.tokenIndex), address(usdc));
        vm.assertEq(usdc.balanceOf(address(market)), DEPOSIT);
    }

    function test_open_takes_a_bid_once_even_after_the_lease_is_closed() public {
        bytes32 id = open();
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, id);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidTaken.selector, id));
        market.open(bid, signature, DEPOSIT, "", noPermit);
        vm.prank(tenant);
        market.close(id, tenant);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidTaken.selector, id));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_refuses_what_is_wrong_with_a_bid() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, stranger));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.open(bid, signature, 0, "", noPermit);

        bid.ratePerSecond = 1;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, signature, DEPOSIT, "", noPermit);
        bid.ratePerSecond = RATE;

        vm.warp(uint256(bid.expiry) + 1);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidExpired.selector, bid.expiry));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        bid = makeBid(address(0xDEAD), RATE, 1);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(0xDEAD)));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        bid = makeBid(address(usdc), RATE, 1);
        bid.worker = stranger;
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownWorker.selector, stranger));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_refuses_a_worker_that_is_not_covered() public {
        (,, uint256 until) = workers.billing(worker);
        vm.warp(until);
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.WorkerNotCovered.selector, worker, until));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_accepts_the_providers_signature_and_a_contract_providers() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(PROVIDER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        market.open(bid, signature, DEPOSIT, "", noPermit);

        ContractProvider contractProvider = new ContractProvider();
        uint256 otherKey = 0xC0DE;
        address other = vm.addr(otherKey);
        contractProvider.join(
            workers, other, describe(), sign(otherKey, joinDigest(address(contractProvider), other))
        );
        vm.roll(block.number + 2);
        bytes32 otherPck = registerPlatform(0xFACE, 2, "second platform");
        bytes memory quote = SoftwarePlatform.quote(guestFor(other, block.number - 1), 0xFACE);
        attestWith(other, otherPck, block.number - 1, quote);
        bid.worker = other;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, hex"00", DEPOSIT, "", noPermit);
        contractProvider.approve(market.bidDigest(bid));
        vm.prank(tenant);
        market.open(bid, hex"00", DEPOSIT, "", noPermit);
    }

    function test_open_takes_its_allowance_from_a_permit_even_if_it_was_handed_in_already() public {
        vm.prank(tenant);
        usdc.approve(address(market), 0);
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        uint256 deadline = block.timestamp + 60;
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                tenant,
                address(market),
                DEPOSIT,
                usdc.nonces(tenant),
                deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(TENANT_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
        usdc.permit(tenant, address(market), DEPOSIT, deadline, v, r, s);
        vm.prank(tenant);
        bytes32 id = market.open(bid, signature, DEPOSIT, "", Till.Permit(DEPOSIT, deadline, v, r, s));
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT);
        vm.assertEq(usdc.allowance(tenant, address(market)), 0);
    }

    // BILLING

    function test_settle_pays_covered_seconds_less_the_fee() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        vm.assertEq(market.accrued(id), 1_600);
        market.settle(id);
        vm.assertEq(market.credit(provider, address(usdc)), 1_280);
        vm.assertEq(market.fees(address(usdc)), 320);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT - 1_600);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
    }

    function test_settle_in_cloi_takes_four_percent_and_rounds_against_the_provider() public {
        bytes32 id = openLease(address(cloi), 7, 1_000, 1);
        vm.warp(block.timestamp + 3);
        vm.prank(provider);
        market.settle(id);
        // 21 × 4% = 0.84
        vm.assertEq(market.fees(address(cloi)), 1);
        vm.assertEq(market.credit(provider, address(cloi)), 20);
        vm.warp(block.timestamp + 3);
        vm.prank(treasury);
        market.settle(id);
        vm.assertEq(market.fees(address(cloi)), 1);
        vm.assertEq(market.credit(provider, address(cloi)), 41);
    }

    function test_nothing_is_paid_for_the_time_after_coverage_ended() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        vm.prank(worker);
        workers.depart(worker);
        vm.warp(block.timestamp + 5_000);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_600);
        attest();
        vm.warp(block.timestamp + 10);
        market.settle(id);
        vm.assertEq(market.leaseOf(id).spent, 1_760);
    }

    function test_settleMany_equals_settling_one_by_one_and_skips_what_is_not_open() public {
        bytes32[] memory ids = new bytes32[](4);
        ids[0] = openLease(address(usdc), 10, DEPOSIT, 1);
        ids[1] = openLease(address(cloi), 11, DEPOSIT, 2);
        ids[2] = openLease(address(usdc), 13, DEPOSIT, 3);
        ids[3] = bytes32("nothing");
        vm.warp(block.timestamp + 10);
        vm.prank(tenant);
        market.close(ids[0], tenant);
        vm.warp(block.timestamp + 10);
        market.settleMany(ids);
        vm.assertEq(market.leaseOf(ids[1]).spent, 220);
        vm.assertEq(market.leaseOf(ids[2]).spent, 260);
        vm.assertEq(market.credit(provider, address(usdc)), 80 + 208);
        vm.assertEq(market.credit(provider, address(cloi)), 220 - 9);
    }

    function test_topUp_by_anyone_buys_future_time_and_forgives_what_could_not_be_paid() public {
        bytes32 id = openLease(address(usdc), RATE, 160, 1);
        vm.warp(block.timestamp + 100);
        usdc.mint(stranger, 160);
        vm.prank(stranger);
        usdc.approve(address(market), 160);
        vm.prank(stranger);
        market.topUp(id, 160, noPermit);
        vm.assertEq(market.leaseOf(id).spent, 160);
        vm.assertEq(market.leaseOf(id).balance, 160);
        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.topUp(id, 0, noPermit);
    }

    function test_what_was_ever_put_into_a_lease_has_a_bound_so_that_it_can_always_be_settled() public {
        bytes32 id = open();
        vm.warp(block.timestamp + 100);
        uint256 most = type(uint96).max - DEPOSIT;
        usdc.mint(tenant, most + 1);
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(
                SafeCast.SafeCastOverflowedUintDowncast.selector, 96, uint256(type(uint96).max) + 1
            )
        );
        market.topUp(id, most + 1, noPermit);
        vm.prank(tenant);
        market.topUp(id, most, noPermit);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(tenant);
        market.close(id, tenant);
    }

    function test_update_is_the_tenants() public {
        bytes32 id = open();
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, address(this)));
        market.update(id, keccak256("new"));
        vm.prank(tenant);
        market.update(id, keccak256("new"));
        vm.assertEq(market.leaseOf(id).manifestHash, keccak256("new"));
    }

    // ARITHMETIC

    function testFuzz_every_unit_is_accounted_for(
        uint80 rate,
        uint96 deposit,
        uint256 elapsed,
        bool settleBetween
    ) public {
        rate = uint80(rate % 1e24) + 1;
        deposit = uint96(deposit % 1_000_000e18) + 1;
        elapsed %= 2 hours;
        bytes32 id = openLease(address(cloi), rate, deposit, 1);
        uint256 start = block.timestamp;
        if (settleBetween) {
            vm.warp(start + elapsed / 3);
            market.settle(id);
        }
        vm.warp(start + elapsed);
        uint256 before = cloi.balanceOf(tenant);
        vm.prank(tenant);
        market.close(id, tenant);
        uint256 refund = cloi.balanceOf(tenant) - before;
        uint256 seconds_ = elapsed < 1 hours ? elapsed : 1 hours;
        uint256 due = uint256(rate) * seconds_;
        if (due > deposit) due = deposit;
        vm.assertEq(refund, deposit - due);
        uint256 toTreasury = market.fees(address(cloi));
        vm.assertEq(market.credit(provider, address(cloi)) + toTreasury, due);
        vm.assertGe(toTreasury * 10_000, due * 400);
        vm.assertLe(toTreasury * 10_000, due * 400 + 20_000);
        vm.assertEq(cloi.balanceOf(address(market)), due);
    }
}
