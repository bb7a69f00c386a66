// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Verdicts} from "../../../src/attestation/Verdicts.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IAdmission} from "../../../src/interfaces/IAdmission.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {WorkersWordStage} from "./WorkersWordStage.sol";

contract WorkersWordAttestByVerdictTest is WorkersWordStage {
    bytes32 private verifierMeasurement = SoftwarePlatform.measurementOf(keccak256("guest"));

    /// Two verifiers that are broken vouch for machines which don't exist. Those may be covered, since two
    /// that lie are enough for that while they last; but they make nothing further, and end with those who
    /// made them.
    function test_broken_verifiers_make_no_verifiers() public {
        uint256[2] memory fakes = [uint256(0xFA4E0), 0xFA4E1];
        for (uint256 i; i < 2; ++i) {
            enlist(fakes[i], address(uint160(0xBAD00 + i)));
        }
        vm.roll(block.number + 2);
        for (uint256 i; i < 2; ++i) {
            Verdicts.Verdict memory fake = verdictFor(fakes[i], address(uint160(0xBAD00 + i)));
            bytes[] memory good = signed(fake, 2);
            // The verifiers' own measurement, which is one of TDX, is not what it is called in a verdict.
            fake.measurement = verifierMeasurement;
            bytes[] memory asVerifier = signed(fake, 2);
            bytes32 name = workers.nameOf(Verdicts.Kind.SevSnp, verifierMeasurement);
            vm.prank(fake.worker);
            vm.expectRevert(abi.encodeWithSelector(IAdmission.MeasurementNotAllowed.selector, name));
            workers.attestByVerdict(fake, asVerifier, "");
            fake.measurement = SNP_MEASUREMENT;
            vm.prank(fake.worker);
            workers.attestByVerdict(fake, good, "");
        }
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory signatures = new bytes[](2);
        for (uint256 i; i < 2; ++i) {
            signatures[i] = sign(fakes[i], workers.verdictDigest(verdict));
        }
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(fakes[0])));
        workers.attestByVerdict(verdict, signatures, "");
    }

    function test_a_verifier_that_others_vouched_for_in_between_is_none_until_it_quotes_again() public {
        address verifier = vm.addr(keys[2]);
        vm.assertTrue(workers.workerOf(verifier).byQuote);
        Verdicts.Verdict memory verdict = verdictFor(keys[2], owners[2]);
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(verifier);
        workers.attestByVerdict(verdict, signatures, "");
        vm.assertTrue(!workers.workerOf(verifier).byQuote);
        vm.roll(block.number + 2);
        verdict = snp();
        signatures = signed(verdict, 3);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, verifier));
        workers.attestByVerdict(verdict, signatures, "");
        renewVerifier(2);
        vm.prank(worker);
        workers.attestByVerdict(verdict, signatures, "");
    }

    function test_a_verdict_holds_no_tdx_platform() public {
        enlist(0xFA4E0, address(0xBAD00));
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = verdictFor(0xFA4E0, address(0xBAD00));
        verdict.platform = platforms.pckKeyOf(pckKey).platform;
        bytes[] memory signatures = signed(verdict, 2);
        vm.prank(verdict.worker);
        workers.attestByVerdict(verdict, signatures, "");
        attest();
        vm.assertEq(workers.holderOf(verdict.platform).provider, provider);
    }

    // TLS KEY, MEASUREMENT, COVERAGE

    function test_broken_verifiers_do_not_rewrite_an_honest_workers_measurement_and_key() public {
        attest();
        bytes32 honest = workers.measurementOf(worker);
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = snp();
        verdict.tlsKeyHash = keccak256("the attacker's key, which gateways would expect");
        bytes[] memory signatures = signed(verdict, 2);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.attestByVerdict(verdict, signatures, "");
        vm.assertEq(workers.measurementOf(worker), honest);
        vm.assertEq(workers.tlsKeyHashOf(worker), TLS_KEY_HASH);
    }

    /// One machine whose keys somebody has can quote anything for any worker.
    function test_a_broken_machine_does_not_rewrite_another_workers_measurement_and_key() public {
        attest();
        bytes32 broken = registerPlatform(0xBAD, 66, "a broken machine");
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        bytes32 key = keccak256("the attacker's key, which gateways would expect");
        SoftwarePlatform.Guest memory guest =
            SoftwarePlatform.guest(workers.bindingOf(provider, worker, key), blockhash(number));
        bytes memory quote = SoftwarePlatform.quote(guest, 0xBAD);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, broken, number, key, quote);
        // Its provider is no better: what holds the TLS key is the guest.
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, provider));
        workers.attest(worker, broken, number, key, quote);
        // Another guest, under the right key.
        guest = guestFor(worker, number);
        guest.software = "another guest";
        quote = SoftwarePlatform.quote(guest, 0xBAD);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, broken, number, TLS_KEY_HASH, quote);
        vm.assertEq(workers.tlsKeyHashOf(worker), TLS_KEY_HASH);
    }

    function enlist(uint256 key, address owner) private {
        bytes memory signature = sign(key, joinDigest(owner, vm.addr(key)));
        vm.prank(owner);
        workers.register(vm.addr(key), describe(), signature);
    }

    function verdictFor(uint256 key, address owner) private view returns (Verdicts.Verdict memory verdict) {
        verdict = snp();
        (verdict.worker, verdict.provider) = (vm.addr(key), owner);
        verdict.platform = keccak256(abi.encode("no machine", key));
    }
}
