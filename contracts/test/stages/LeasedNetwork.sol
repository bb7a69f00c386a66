// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Network} from "./Network.sol";

/// @dev A network with a worker that is covered, and a lease as most tests want one.
abstract contract LeasedNetwork is Network {
    uint80 internal constant RATE = 16;
    uint256 internal constant DEPOSIT = 100_000;

    function setUp() public override {
        super.setUp();
        register();
        attest();
    }

    function open() internal returns (bytes32) {
        return openLease(address(usdc), RATE, DEPOSIT, 1);
    }
}
