// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVouchers} from "../../src/interfaces/IVouchers.sol";
import {vm} from "../Vm.sol";
import {InferenceNetwork} from "./InferenceNetwork.sol";

/// @dev Gas of whole transactions. Channels, receiver and treasury are in the steady state: something was
/// claimed before.
contract InferenceGasTest is InferenceNetwork {
    uint256 private constant BATCH = 50;
    /// Base units, as those of a few dollars are.
    uint96 private constant MONEY = 4_000_000;

    function setUp() public override {
        super.setUp();
        fill(uint96(MONEY * (BATCH + 1)));
        allow(type(uint96).max);
        IVouchers.VoucherClaim[] memory rows = new IVouchers.VoucherClaim[](BATCH);
        for (uint256 i; i < BATCH; ++i) {
            drawTo(saltOf(i), MONEY / 2);
            rows[i] = claimOf(saltOf(i), 123_456, 123_456);
        }
        claim(rows);
    }

    /// @dev A channel whose salt has no zeros, as that of a lease's id.
    function saltOf(uint256 i) private view returns (IVouchers.ChannelConfig memory) {
        return channel(uint256(keccak256(abi.encode(i))));
    }

    function test_gas_claim_of_50_channels() public {
        IVouchers.VoucherClaim[] memory rows = new IVouchers.VoucherClaim[](BATCH);
        for (uint256 i; i < BATCH; ++i) {
            rows[i] = claimOf(saltOf(i), 1_654_321, 1_654_321);
        }
        bytes memory signature = batchBy(AUTHORIZER_KEY, rows);
        vm.prank(stranger);
        vouchers.claimWithSignature(rows, signature);
        uint256 gas = vm.snapshotGasLastCall("Gas", "claimWithSignature of 50");
        vm.assertLe(gas / BATCH, 17_000);
    }

    function test_gas_claim_of_1_channel() public {
        vm.prank(authorizer);
        vouchers.claim(oneClaim(saltOf(0), 1_654_321, 1_654_321));
        vm.snapshotGasLastCall("Gas", "claim of 1");
    }

    function test_gas_draw() public {
        IVouchers.ChannelConfig memory config = saltOf(0);
        vouchers.draw(config, MONEY, drawBy(SESSION_KEY, config, MONEY));
        vm.snapshotGasLastCall("Gas", "draw");
        config = saltOf(BATCH);
        vouchers.draw(config, MONEY, drawBy(SESSION_KEY, config, MONEY));
        vm.snapshotGasLastCall("Gas", "draw (first)");
    }
}
