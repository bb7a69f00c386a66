// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Gpus} from "../../../src/attestation/Gpus.sol";
import {Verdicts} from "../../../src/attestation/Verdicts.sol";
import {Coverage} from "../../../src/libraries/Coverage.sol";
import {vm} from "../../Vm.sol";
import {VerifiedNetwork} from "../../stages/VerifiedNetwork.sol";

contract VerdictsConfirmGpusTest is VerifiedNetwork {
    function test_gpus_are_worth_nothing_without_a_verdict_and_while_the_worker_is_not_covered() public {
        attest();
        vm.prank(worker);
        workers.depart(worker);
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = gpus();
        bytes[] memory first = signed(verdict, 2);
        vm.prank(worker);
        workers.confirmGpus(verdict, first, "", gpuIds());
        vm.snapshotGasLastCall("Gas", "confirmGpus of 2");
        bytes[] memory again = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(
                Coverage.EvidenceReplayed.selector, verdict.blockNumber, verdict.blockNumber
            )
        );
        workers.confirmGpus(verdict, again, "", gpuIds());
        (bytes32 class, uint256 count) = workers.gpusOf(worker);
        vm.assertEq(class, bytes32(0));
        attest();
        (class, count) = workers.gpusOf(worker);
        vm.assertEq(class, bytes32("h100"));
        vm.assertEq(count, 8);
        vm.warp(block.timestamp + 1 hours);
        attest();
        (class, count) = workers.gpusOf(worker);
        vm.assertEq(count, 0);
        verdict = snp();
        bytes[] memory signatures = signed(verdict, 0);
        vm.prank(verdict.worker);
        vm.expectRevert(Verdicts.WrongKind.selector);
        workers.confirmGpus(verdict, signatures, "", gpuIds());
        verdict = gpus();
        vm.prank(verdict.worker);
        vm.expectRevert(Verdicts.WrongKind.selector);
        workers.attestByVerdict(verdict, signatures, "");
    }

    function test_a_gpu_is_in_one_worker_at_a_time_and_named_in_the_verdict() public {
        attest();
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = gpus();
        bytes[] memory signatures = signed(verdict, 2);
        bytes32[] memory others = gpuIds();
        others[7] = bytes32(uint256(0x99));
        vm.prank(verdict.worker);
        vm.expectRevert(Gpus.GpusNotAsNamed.selector);
        workers.confirmGpus(verdict, signatures, "", others);
        workers.confirmGpus(verdict, signatures, claimed(verdict), gpuIds());
        vm.assertEq(workers.gpuHolderOf(bytes32(uint256(0x60))).worker, worker);
        // Another worker of the same provider, with seven of the same eight.
        uint256 key = 0x2009;
        join(key, provider, 0xF010, 60);
        vm.roll(block.number + 2);
        verdict = gpus();
        verdict.worker = vm.addr(key);
        bytes32[] memory seven = new bytes32[](7);
        for (uint256 i; i < 7; ++i) {
            seven[i] = gpuIds()[i];
        }
        (verdict.gpus, verdict.platform) = (7, sha256(abi.encodePacked(seven)));
        signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(
                Gpus.GpuHeld.selector, bytes32(uint256(0x60)), worker, block.timestamp + 1 hours
            )
        );
        workers.confirmGpus(verdict, signatures, "", seven);
        // Twice in one verdict is no better.
        seven[6] = seven[5];
        verdict.platform = sha256(abi.encodePacked(seven));
        signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert();
        workers.confirmGpus(verdict, signatures, "", seven);
    }
}
