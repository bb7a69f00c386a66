// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {KeyService} from "../../../src/apps/KeyService.sol";
import {vm} from "../../Vm.sol";
import {Network} from "../../stages/Network.sol";

/// @dev What the tests of KeyService begin with.
abstract contract KeyServiceStage is Network {
    KeyService internal service;
    bytes32 internal lease;
    /// Of the consent that is asked for next, where the call is expected to revert.
    bytes internal consent;
    uint256 internal expiry;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market, 0);
        register();
        attest();
        lease = openLease(address(usdc), 1, 1_000_000, 1);
    }

    /// @dev The worker's word, as its agent gives it to an instance that runs.
    function consentOf(uint256 seat, bytes32 of_) internal returns (bytes memory) {
        expiry = block.timestamp + 600;
        return sign(WORKER_KEY, service.consentDigest(seat, of_, keccak256("manifest"), expiry));
    }

    function take(uint256 seat, bytes32 of_) internal {
        consent = consentOf(seat, of_);
        vm.prank(stranger);
        service.take(seat, of_, expiry, consent);
    }

    function approve() internal {
        vm.prank(governance);
        service.setManifest(keccak256("manifest"));
    }
}
