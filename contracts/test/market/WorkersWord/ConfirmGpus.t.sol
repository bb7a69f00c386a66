// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Gpus} from "../../../src/attestation/Gpus.sol";
import {Verdicts} from "../../../src/attestation/Verdicts.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {WorkersWordStage} from "./WorkersWordStage.sol";

contract WorkersWordConfirmGpusTest is WorkersWordStage {
    function test_a_strangers_gpu_is_not_confirmed_in_a_worker_that_does_not_claim_it() public {
        renewAll();
        (, uint256 before) = workers.gpusOf(worker);
        vm.assertEq(before, 8);
        vm.roll(block.number + 2);
        (Verdicts.Verdict memory verdict, bytes32[] memory one) = strangersGpu();
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(stranger);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.confirmGpus(verdict, signatures, "", one);
        // Nor by the word of its provider, of a verifier, or by the worker's word on another verdict or as a
        // verifier.
        bytes[4] memory claims = [
            sign(PROVIDER_KEY, workers.claimDigest(verdict)),
            sign(keys[0], workers.claimDigest(verdict)),
            sign(WORKER_KEY, workers.claimDigest(gpus())),
            sign(WORKER_KEY, workers.verdictDigest(verdict))
        ];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(Errors.BadSignature.selector);
            workers.confirmGpus(verdict, signatures, claims[i], one);
        }
        (, uint256 after_) = workers.gpusOf(worker);
        vm.assertEq(after_, 8);
    }

    function test_a_worker_earns_undisturbed_while_a_stranger_has_its_own_gpu_vouched_for_every_hour()
        public
    {
        stand();
        uint256 epoch = emission.epochAt(block.timestamp);
        for (uint256 hour; hour < 3; ++hour) {
            renewAll();
            vm.warp(block.timestamp + 30 minutes);
            renewAll();
            vm.roll(block.number + 2);
            (Verdicts.Verdict memory verdict, bytes32[] memory one) = strangersGpu();
            bytes[] memory signatures = signed(verdict, 2);
            vm.prank(stranger);
            vm.expectRevert(Errors.BadSignature.selector);
            workers.confirmGpus(verdict, signatures, "", one);
            vm.warp(block.timestamp + 30 minutes);
        }
        for (uint256 e = epoch; e < epoch + 3; ++e) {
            (uint256 pool,) = emission.weightsOf(provider, e);
            vm.assertEq(pool, 80);
        }
    }

    function test_a_verdict_for_the_same_evidence_less_its_reports_does_not_come_before_the_right_one()
        public
    {
        attest();
        vm.roll(block.number + 2);
        Verdicts.Verdict memory right = gpus();
        right.gpuClass = "h200";
        Verdicts.Verdict memory wrong = gpus();
        bytes[] memory signatures = signed(wrong, 2);
        bytes memory claim = claimed(right);
        vm.prank(stranger);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.confirmGpus(wrong, signatures, claim, gpuIds());
        signatures = signed(right, 2);
        // What the worker claims, anybody may hand in for it.
        vm.prank(stranger);
        workers.confirmGpus(right, signatures, claim, gpuIds());
        (bytes32 class,) = workers.gpusOf(worker);
        vm.assertEq(class, "h200");
    }

    function test_a_verdict_on_gpus_names_the_tls_key_that_the_worker_attested() public {
        attest();
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = gpus();
        verdict.tlsKeyHash = 0;
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.EvidenceNotBound.selector, bytes32(0), TLS_KEY_HASH));
        workers.confirmGpus(verdict, signatures, "", gpuIds());
    }

    /// Who confirms again after the coverage period was shortened keeps its GPUs for as long as they were
    /// counted.
    function test_gpus_do_not_count_in_two_workers_after_the_period_was_shortened() public {
        bytes memory shorter = abi.encodeCall(IWorkers.setCoveragePeriod, (1 hours));
        vm.prank(governance);
        workers.announce(shorter);
        change(governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (1 days)));
        stand();
        uint256 until = workers.confirmedGpus(worker).until;
        vm.prank(governance);
        workers.setCoveragePeriod(1 hours);
        renewAll();
        vm.assertEq(workers.confirmedGpus(worker).until, until);
        vm.warp(block.timestamp + 1 hours);
        uint256 key = 0x2009;
        join(key, provider, 0xF010, 60);
        vm.roll(block.number + 2);
        for (uint256 i; i < 2; ++i) {
            renewVerifier(i);
        }
        Verdicts.Verdict memory verdict = gpus();
        verdict.worker = vm.addr(key);
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Gpus.GpuHeld.selector, gpuIds()[0], worker, until));
        workers.confirmGpus(verdict, signatures, "", gpuIds());
    }

    function stand() private {
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        vm.warp(block.timestamp + 1 hours - (block.timestamp - emission.start()) % 1 hours);
        renewAll();
        vm.prank(provider);
        stake.syncCollateral(worker);
    }

    function renewAll() private {
        vm.roll(block.number + 2);
        attest();
        vm.roll(block.number + 2);
        for (uint256 i; i < 2; ++i) {
            renewVerifier(i);
        }
        Verdicts.Verdict memory verdict = gpus();
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(worker);
        workers.confirmGpus(verdict, signatures, "", gpuIds());
    }

    /// @dev What honest verifiers would find in evidence that a stranger had its own GPU make for the
    /// worker's public data.
    function strangersGpu() private view returns (Verdicts.Verdict memory verdict, bytes32[] memory one) {
        verdict = gpus();
        one = new bytes32[](1);
        one[0] = keccak256("a GPU that the stranger has somewhere else");
        (verdict.gpus, verdict.platform) = (1, sha256(abi.encodePacked(one)));
    }
}
