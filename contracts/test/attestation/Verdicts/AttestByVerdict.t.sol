// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Verdicts} from "../../../src/attestation/Verdicts.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IAdmission, VERIFIER} from "../../../src/interfaces/IAdmission.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Coverage} from "../../../src/libraries/Coverage.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {change} from "../../stages/Economy.sol";
import {VerifiedNetwork} from "../../stages/VerifiedNetwork.sol";

contract VerdictsAttestByVerdictTest is VerifiedNetwork {
    function test_enough_verifiers_of_other_providers_cover_a_worker() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(worker);
        workers.attestByVerdict(verdict, signatures, "");
        vm.snapshotGasLastCall("Gas", "attestByVerdict of 2");
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        vm.assertEq(workers.measurementOf(worker), workers.nameOf(Verdicts.Kind.SevSnp, SNP_MEASUREMENT));
        vm.assertEq(workers.holderOf(workers.nameOf(Verdicts.Kind.SevSnp, CHIP)).provider, provider);
    }

    function test_too_few_verdicts_are_refused_as_governance_says() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory one = signed(verdict, 1);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.TooFewVerdicts.selector, 1, 2));
        workers.attestByVerdict(verdict, one, "");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        workers.setVerdictThreshold(3);
        bytes memory tooFew = abi.encodeCall(IWorkers.setVerdictThreshold, (1));
        vm.prank(governance);
        workers.announce(tooFew);
        change(governance, workers, abi.encodeCall(IWorkers.setVerdictThreshold, (3)));
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 1, 2, 16));
        workers.setVerdictThreshold(1);
        vm.roll(block.number + 2);
        for (uint256 i; i < 3; ++i) {
            renewVerifier(i);
        }
        verdict = snp();
        bytes[] memory two = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.TooFewVerdicts.selector, 2, 3));
        workers.attestByVerdict(verdict, two, "");
        workers.attestByVerdict(verdict, signed(verdict, 3), claimed(verdict));
    }

    function test_verifiers_must_be_of_different_providers_and_not_the_workers() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory twice = signed(verdict, 2);
        twice[1] = twice[0];
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(keys[0]), owners[0])
        );
        workers.attestByVerdict(verdict, twice, "");
        // A second worker of the first verifier's provider, on a machine of its own.
        join(0x1009, owners[0], 0xF009, 59);
        vm.roll(block.number + 2);
        verdict = snp();
        bytes[] memory same = signed(verdict, 2);
        same[1] = sign(0x1009, workers.verdictDigest(verdict));
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(0x1009), owners[0])
        );
        workers.attestByVerdict(verdict, same, "");
        // A verifier of the very provider it is about.
        join(0x1008, provider, 0xF008, 58);
        vm.roll(block.number + 2);
        verdict = snp();
        bytes[] memory own = signed(verdict, 2);
        own[1] = sign(0x1008, workers.verdictDigest(verdict));
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(0x1008), provider)
        );
        workers.attestByVerdict(verdict, own, "");
    }

    function test_who_is_not_covered_or_no_verifier_does_not_count() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory forged = signed(verdict, 2);
        forged[1] = sign(0xBAD, workers.verdictDigest(verdict));
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(0xBAD)));
        workers.attestByVerdict(verdict, forged, "");
        forged[1] = hex"00";
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, address(0)));
        workers.attestByVerdict(verdict, forged, "");
        bytes[] memory good = signed(verdict, 2);
        vm.prank(owners[1]);
        workers.depart(vm.addr(keys[1]));
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(keys[1])));
        workers.attestByVerdict(verdict, good, "");
        vm.prank(governance);
        admission.suspendMeasurement(SoftwarePlatform.measurementOf(keccak256("guest")), VERIFIER);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(keys[0])));
        workers.attestByVerdict(verdict, good, "");
    }

    function test_a_verdict_is_about_one_worker_one_provider_and_one_block() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory signatures = signed(verdict, 2);
        verdict.tlsKeyHash = keccak256("another");
        vm.prank(verdict.worker);
        vm.expectRevert();
        workers.attestByVerdict(verdict, signatures, "");
        verdict = snp();
        workers.attestByVerdict(verdict, signatures, claimed(verdict));
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(
                Coverage.EvidenceReplayed.selector, verdict.blockNumber, verdict.blockNumber
            )
        );
        workers.attestByVerdict(verdict, signatures, "");
        verdict.provider = stranger;
        signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotProvider.selector, stranger));
        workers.attestByVerdict(verdict, signatures, "");
        verdict = snp();
        verdict.blockHash = keccak256("another fork");
        signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        vm.expectRevert(
            abi.encodeWithSelector(
                IWorkers.EvidenceNotFresh.selector, verdict.blockHash, blockhash(verdict.blockNumber)
            )
        );
        workers.attestByVerdict(verdict, signatures, "");
        verdict = snp();
        signatures = signed(verdict, 2);
        vm.roll(block.number + 300);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.BlockUnknown.selector, verdict.blockNumber));
        workers.attestByVerdict(verdict, signatures, "");
    }

    function test_a_measurement_that_is_not_listed_is_refused_whoever_signs() public {
        Verdicts.Verdict memory verdict = snp();
        verdict.measurement = keccak256("another guest");
        bytes[] memory signatures = signed(verdict, 3);
        bytes32 name = workers.nameOf(Verdicts.Kind.SevSnp, verdict.measurement);
        vm.prank(verdict.worker);
        vm.expectRevert(abi.encodeWithSelector(IAdmission.MeasurementNotAllowed.selector, name));
        workers.attestByVerdict(verdict, signatures, "");
    }
}
