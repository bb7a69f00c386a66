// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {Coverage} from "../../src/libraries/Coverage.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {change} from "../stages/Economy.sol";
import {Network} from "../stages/Network.sol";

contract WorkersTest is Network {
    function test_register_records_the_provider_and_refuses_a_second_time() public {
        register();
        IWorkers.Worker memory w = workers.workerOf(worker);
        vm.assertEq(w.provider, provider);
        vm.assertEq(w.registeredAt, block.timestamp);
        vm.assertEq(w.description.cpuMilli, 4_000);
        bytes memory signature = sign(WORKER_KEY, joinDigest(stranger, worker));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.AlreadyRegistered.selector, worker));
        workers.register(worker, describe(), signature);
    }

    function test_register_needs_the_worker_keys_consent() public {
        bytes memory forSomebodyElse = sign(WORKER_KEY, joinDigest(stranger, worker));
        vm.prank(provider);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.register(worker, describe(), forSomebodyElse);
        vm.prank(provider);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.register(worker, describe(), hex"1234");
        vm.prank(provider);
        vm.expectRevert(Errors.ZeroAddress.selector);
        workers.register(address(0), describe(), hex"");
    }

    function test_describe_is_the_providers() public {
        register();
        IWorkers.Description memory d = describe();
        d.endpoint = "https://elsewhere.example";
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        workers.describe(worker, d);
        vm.prank(provider);
        workers.describe(worker, d);
        vm.assertEq(
            keccak256(bytes(workers.workerOf(worker).description.endpoint)), keccak256(bytes(d.endpoint))
        );
    }

    function test_attest_covers_for_the_period() public {
        register();
        attest();
        (address p, uint256 coveredSeconds, uint256 until) = workers.billing(worker);
        vm.assertEq(p, provider);
        vm.assertEq(coveredSeconds, 0);
        vm.assertEq(until, block.timestamp + 1 hours);
        vm.warp(block.timestamp + 10);
        vm.assertEq(workers.covered(worker, block.timestamp), 10);
        vm.assertEq(workers.covered(worker, block.timestamp + 10 hours), 3600);
    }

    function test_attest_refuses_replay_and_unknown_blocks() public {
        register();
        attest();
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(Coverage.EvidenceReplayed.selector, number, number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);

        vm.roll(block.number + 2);
        number = block.number - 1;
        bytes32 hash = blockhash(number);
        vm.expectRevert(
            abi.encodeWithSelector(IWorkers.EvidenceNotFresh.selector, blockhash(number - 2), hash)
        );
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.BlockUnknown.selector, number + 1));
        workers.attest(worker, pckKey, number + 1, TLS_KEY_HASH, quote);
        vm.roll(block.number + 300);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.BlockUnknown.selector, number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownWorker.selector, stranger));
        workers.attest(stranger, pckKey, number, TLS_KEY_HASH, quote);
    }

    function test_attest_refuses_evidence_of_another_provider_worker_or_tls_key() public {
        register();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        SoftwarePlatform.Guest memory guest = guestFor(worker, number);
        bytes32 wanted = guest.binding;
        bytes32[3] memory others = [
            workers.bindingOf(stranger, worker, TLS_KEY_HASH),
            workers.bindingOf(provider, stranger, TLS_KEY_HASH),
            workers.bindingOf(provider, worker, keccak256("another key"))
        ];
        for (uint256 i; i < 3; ++i) {
            guest.binding = others[i];
            bytes memory quote = SoftwarePlatform.quote(guest, PCK);
            vm.expectRevert(abi.encodeWithSelector(IWorkers.EvidenceNotBound.selector, others[i], wanted));
            workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        }
    }

    function test_depart_ends_coverage_and_voids_quotes_made_before() public {
        register();
        attest();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory before = quoteFor(worker, number);
        vm.warp(block.timestamp + 100);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotProviderOrWorker.selector, stranger));
        workers.depart(worker);
        vm.prank(worker);
        workers.depart(worker);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(Coverage.EvidenceReplayed.selector, number, block.number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, before);
        vm.warp(block.timestamp + 1_000);
        vm.assertEq(workers.covered(worker, block.timestamp), 100);
        attest();
        vm.warp(block.timestamp + 7);
        vm.assertEq(workers.covered(worker, block.timestamp), 107);
    }

    function test_retire_is_final() public {
        register();
        attest();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        workers.retire(worker);
        vm.prank(provider);
        workers.retire(worker);
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp);
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.WorkerRetired.selector, worker));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function test_coverage_period_is_bounded_and_governed() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        workers.setCoveragePeriod(120);
        bytes memory tooShort = abi.encodeCall(IWorkers.setCoveragePeriod, (59));
        vm.prank(governance);
        workers.announce(tooShort);
        change(governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (120)));
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 59, 60, 86_400));
        workers.setCoveragePeriod(59);
        vm.assertEq(workers.coveragePeriod(), 120);
    }

    function test_instants_before_the_last_gap_are_refused_and_those_in_the_gap_answered() public {
        register();
        attest();
        uint256 end = block.timestamp + 1 hours;
        vm.warp(end + 500);
        attest();
        vm.assertEq(workers.covered(worker, end + 250), 3600);
        vm.expectRevert(abi.encodeWithSelector(Coverage.InstantTooOld.selector, end - 1, end));
        workers.covered(worker, end - 1);
    }

    /// The accumulator equals a plain count of seconds, whatever the pattern of attestations, gaps and
    /// departures.
    function testFuzz_covered_counts_every_covered_second_once(uint256 seed) public {
        change(governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (60)));
        register();
        uint256 expected;
        uint256 until;
        uint256 last;
        for (uint256 i; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 step = seed % 90;
            uint256 before = block.timestamp;
            vm.warp(before + step);
            uint256 capped = block.timestamp < until ? block.timestamp : until;
            if (capped > before) expected += capped - before;
            uint256 action = (seed >> 128) % 4;
            if (action < 2) {
                attest();
                if (block.timestamp + 60 > until) until = block.timestamp + 60;
            } else if (action == 2) {
                vm.prank(worker);
                workers.depart(worker);
                if (block.timestamp < until) until = block.timestamp;
            }
            uint256 coveredSeconds = workers.covered(worker, block.timestamp);
            vm.assertEq(coveredSeconds, expected);
            vm.assertGe(coveredSeconds, last);
            vm.assertGe(workers.covered(worker, block.timestamp + 30), coveredSeconds);
            last = coveredSeconds;
        }
    }
}
