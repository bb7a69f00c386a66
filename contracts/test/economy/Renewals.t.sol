// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoverageObserver} from "../../src/interfaces/ICoverageObserver.sol";
import {Workers} from "../../src/market/Workers.sol";
import {vm} from "../Vm.sol";
import {StakedNetwork} from "../stages/StakedNetwork.sol";

/// @dev What Emission adds to attestations, and that it can't stop one.
contract RenewalsTest is StakedNetwork {
    function setUp() public override {
        super.setUp();
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        attest();
    }

    /// @dev What weighing adds to a day of renewals, of a worker that is the only one in the network: the
    /// dearest there is. Renewed twice an hour, as agents do.
    function test_gas_of_renewals_with_gpus_that_earn() public {
        stand();
        uint256 plain;
        uint256 most;
        uint256 sum;
        for (uint256 i; i < 48; ++i) {
            vm.warp(block.timestamp + 30 minutes);
            vm.roll(block.number + 2);
            uint256 number = block.number - 1;
            bytes memory quote = quoteFor(worker, number);
            vm.prank(worker);
            workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
            uint256 gas = vm.snapshotGasLastCall("Gas", "attest of GPUs that earn (48th)");
            confirm();
            (most, sum) = (gas > most ? gas : most, sum + gas);
        }
        vm.snapshotGasLastCall("Gas", "confirmGpus of 8 that earn");
        (uint256 pool,) = emission.weightsOf(provider, 22);
        vm.assertEq(pool, 80);
        observedBy(ICoverageObserver(address(0)));
        attest();
        vm.warp(block.timestamp + 30 minutes);
        attest();
        plain = vm.snapshotGasLastCall("Gas", "attest without emission");
        // Two renewals buy an hour.
        uint256 added = (sum - 48 * plain) / 24;
        vm.snapshotValue("Gas", "attest: added per hour of coverage, a day's mean", added);
        vm.snapshotValue("Gas", "attest: added at the most", most - plain);
        vm.assertLe(added, 30_000);
    }

    function test_who_brings_too_little_gas_for_weighing_attests_nothing() public {
        stand();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        (bool success,) = address(workers).call{gas: 250_000}(
            abi.encodeCall(Workers.attest, (worker, pckKey, number, TLS_KEY_HASH, quote))
        );
        vm.assertTrue(!success);
        attestWith(worker, pckKey, number, quote);
    }

    function test_an_observer_that_fails_stops_no_attestation() public {
        observedBy(ICoverageObserver(address(market)));
        attest();
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
    }

    /// @dev Eight H100 with their collateral, and verifiers who stay.
    function stand() private {
        confirm();
        vm.prank(provider);
        stake.syncCollateral(worker);
    }

    /// @dev A register of workers like the first, but for whom it tells of coverage.
    function observedBy(ICoverageObserver told) private {
        workers = new Workers(governance, platforms, told);
        register();
    }
}
