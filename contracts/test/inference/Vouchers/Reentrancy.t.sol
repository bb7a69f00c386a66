// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVouchers} from "../../../src/interfaces/IVouchers.sol";
import {vm} from "../../Vm.sol";
import {CallingToken} from "../../fakes/CallingToken.sol";
import {InferenceNetwork} from "../InferenceNetwork.sol";

/// @dev Whoever is called in the middle of a transfer takes what it can.
contract VouchersReentrancyTest is InferenceNetwork {
    CallingToken private token;
    uint256 private _depth;
    bool private _hasTaken;

    function setUp() public override {
        super.setUp();
        token = new CallingToken();
        vm.prank(governance);
        vouchers.setToken(address(token), true, 0);
        token.mint(tenant, 1_000);
        vm.prank(tenant);
        token.approve(address(vouchers), 1_000);
        vm.prank(tenant);
        vouchers.deposit(tenant, address(token), 1_000, noPermit);
        token.mint(address(this), 100);
        token.approve(address(vouchers), type(uint256).max);
        token.callBefore(address(this));
    }

    function onTransfer() external {
        if (_depth++ != 0) return;
        try vouchers.withdrawPurse(address(token), address(this)) {
            _hasTaken = true;
        } catch {}
        try vouchers.withdraw(address(token), address(this)) {
            _hasTaken = true;
        } catch {}
    }

    function test_a_withdrawal_within_a_withdrawal_finds_nothing() public {
        vouchers.deposit(address(this), address(token), 100, noPermit);
        vouchers.announceWithdrawal(address(token), 100);
        vm.warp(block.timestamp + 15 minutes);
        _depth = 0;
        vouchers.withdrawPurse(address(token), address(this));
        vm.assertTrue(!_hasTaken);
        vm.assertEq(token.balanceOf(address(this)), 100);
        vm.assertEq(token.balanceOf(address(vouchers)), 1_000);
    }

    function test_what_is_being_paid_in_is_there_once_whoever_takes_it_in_between() public {
        vouchers.announceWithdrawal(address(token), 100);
        vm.warp(block.timestamp + 15 minutes);
        vouchers.deposit(address(this), address(token), 100, noPermit);
        // It took the money before it had paid it, and paid it then.
        vm.assertTrue(_hasTaken);
        vm.assertEq(vouchers.purseOf(address(this), address(token)).balance, 0);
        vm.assertEq(token.balanceOf(address(this)), 100);
        vm.assertEq(token.balanceOf(address(vouchers)), 1_000);
    }
}
