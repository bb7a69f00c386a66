// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Till} from "../../src/libraries/Till.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {Network} from "../stages/Network.sol";

/// @dev Gas of whole transactions (21,000 and calldata included: each call runs isolated). The numbers land
/// in `snapshots/Gas.json`, which is committed; the aims are asserted because they are promises, not speeds.
/// Accounts are in the steady state: provider and treasury have credit already.
contract GasTest is Network {
    function setUp() public override {
        super.setUp();
        register();
        attest();
        bytes32 id = openLease(address(usdc), 16, 100_000, 1);
        vm.warp(block.timestamp + 10);
        market.settle(id);
        // The worker is free again, as one is that serves one tenant after the other.
        vm.prank(tenant);
        market.close(id, tenant);
    }

    function test_gas_open_settle_topUp_update_close_withdraw() public {
        IMarket.Bid memory bid = makeBid(address(usdc), 16, 2);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        bytes32 id = market.open(bid, signature, 1_000_000, "hello", noPermit);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "open"), 180_000);
        vm.warp(block.timestamp + 100);
        vm.prank(provider);
        market.settle(id);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "settle"), 60_000);
        vm.prank(tenant);
        market.topUp(id, 100_000, noPermit);
        vm.snapshotGasLastCall("Gas", "topUp");
        vm.prank(tenant);
        market.update(id, keccak256("second"));
        vm.snapshotGasLastCall("Gas", "update");
        vm.prank(provider);
        market.giveNotice(id);
        vm.snapshotGasLastCall("Gas", "giveNotice");
        vm.warp(block.timestamp + 100);
        vm.prank(tenant);
        market.close(id, tenant);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "close"), 90_000);
        vm.prank(provider);
        market.withdraw(address(usdc), provider);
        vm.snapshotGasLastCall("Gas", "withdraw");
    }

    function test_gas_resize() public {
        bytes32 id = openLease(address(usdc), 16, 1_000_000, 2);
        for (uint64 i = 1; i < 3; ++i) {
            vm.warp(block.timestamp + 100);
            IMarket.ResizeBid memory bid = makeResize(id, 16 + i, 2 * i);
            bytes memory signature = sign(WORKER_KEY, market.resizeDigest(bid));
            vm.prank(tenant);
            market.resize(bid, signature, 1_000, noPermit);
            if (i == 1) vm.snapshotGasLastCall("Gas", "resize (first)");
            else vm.snapshotGasLastCall("Gas", "resize");
        }
    }

    function test_gas_openWithPermit() public {
        vm.prank(tenant);
        usdc.approve(address(market), 0);
        IMarket.Bid memory bid = makeBid(address(usdc), 16, 2);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                tenant,
                address(market),
                1_000_000,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(TENANT_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
        Till.Permit memory permit = Till.Permit(1_000_000, block.timestamp, v, r, s);
        vm.prank(tenant);
        market.open(bid, signature, 1_000_000, "hello", permit);
        vm.snapshotGasLastCall("Gas", "open with permit");
    }

    function test_gas_settleMany_50() public {
        bytes32[] memory ids = new bytes32[](50);
        for (uint256 i; i < 50; ++i) {
            ids[i] = openLease(address(usdc), 16, 1_000_000, 100 + i);
        }
        vm.warp(block.timestamp + 100);
        vm.prank(provider);
        market.settleMany(ids);
        uint256 total = vm.snapshotGasLastCall("Gas", "settleMany of 50");
        vm.snapshotValue("Gas", "settleMany per lease at 50", total / 50);
        vm.assertLe(total / 50, 28_000);
    }

    function test_gas_register_attest_depart() public {
        address second = vm.addr(0x2222);
        bytes memory signature = sign(0x2222, joinDigest(provider, second));
        vm.prank(provider);
        workers.register(second, describe(), signature);
        vm.snapshotGasLastCall("Gas", "register");
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.prank(worker);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "attest (renewal)"), 150_000);
        vm.prank(worker);
        workers.depart(worker);
        vm.snapshotGasLastCall("Gas", "depart");
    }

    function test_gas_attestAndSettle() public {
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = openLease(address(usdc), 16, 1_000_000, 3);
        vm.warp(block.timestamp + 100);
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.prank(worker);
        market.attestAndSettle(worker, pckKey, number, TLS_KEY_HASH, quote, ids);
        uint256 together = vm.snapshotGasLastCall("Gas", "attestAndSettle of 1");
        vm.assertEq(market.accrued(ids[0]), 0);
        vm.assertEq(market.leaseOf(ids[0]).spent, 1_600);
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        // Beside a renewal and a settlement of their own, 114,000 and 59,000.
        vm.assertLe(together, 165_000);
    }

    function test_gas_registerPlatform_postRevocations() public {
        registerPlatform(0xFACE, 2, "second platform");
        vm.assertLe(vm.snapshotGasLastCall("Gas", "registerPlatform"), 600_000);
        uint256[] memory serials = new uint256[](1);
        serials[0] = 3;
        bytes memory list = SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, serials);
        platforms.postRevocations(list, "", 100);
        vm.snapshotGasLastCall("Gas", "postRevocations of 1");
    }
}
