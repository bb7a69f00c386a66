// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Coverage} from "../../../src/libraries/Coverage.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {Network} from "../../stages/Network.sol";

contract WorkersAttestTest is Network {
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
}
