// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Platforms} from "../src/Platforms.sol";
import {Verdicts} from "../src/Verdicts.sol";
import {Workers} from "../src/Workers.sol";
import {Network} from "./Network.sol";
import {SoftwarePlatform} from "./SoftwarePlatform.sol";
import {vm} from "./Vm.sol";

/// @dev Three providers with verifiers of their own, and a worker whose evidence no contract can check.
contract VerdictsTest is Network {
    uint256[3] private keys = [uint256(0x1001), 0x1002, 0x1003];
    address[3] private owners = [address(0xA1), address(0xA2), address(0xA3)];
    bytes32 private constant SNP_IMAGE = keccak256("snp guest");
    bytes32 private constant CHIP = keccak256("chip");

    function setUp() public override {
        super.setUp();
        register();
        vm.prank(governance);
        platforms.setImage(SoftwarePlatform.imageId(keccak256("guest")), 3);
        vm.prank(governance);
        platforms.setImage(SNP_IMAGE, 1);
        for (uint256 i; i < 3; ++i) {
            join(keys[i], owners[i], 0xF000 + i, 50 + i);
        }
        vm.roll(block.number + 2);
    }

    function test_enough_verifiers_of_other_providers_cover_a_worker() public {
        Verdicts.Verdict memory verdict = snp();
        vm.prank(stranger);
        workers.attestByVerdict(verdict, signed(verdict, 2));
        vm.snapshotGasLastCall("Gas", "attestByVerdict of 2");
        (,, uint256 until) = workers.billing(worker);
        vm.assertEq(until, block.timestamp + 1 hours);
        vm.assertEq(workers.imageOf(worker), SNP_IMAGE);
        vm.assertEq(workers.holderOf(CHIP).provider, provider);
    }

    function test_too_few_verdicts_are_refused_as_governance_says() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory one = signed(verdict, 1);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.TooFewVerdicts.selector, 1, 2));
        workers.attestByVerdict(verdict, one);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        workers.setVerdictThreshold(3);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.ThresholdOutOfBounds.selector, 1, 2, 16));
        workers.setVerdictThreshold(1);
        vm.prank(governance);
        workers.setVerdictThreshold(3);
        bytes[] memory two = signed(verdict, 2);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.TooFewVerdicts.selector, 2, 3));
        workers.attestByVerdict(verdict, two);
        workers.attestByVerdict(verdict, signed(verdict, 3));
    }

    function test_verifiers_must_be_of_different_providers_and_not_the_workers() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory twice = signed(verdict, 2);
        twice[1] = twice[0];
        vm.expectRevert(abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(keys[0]), owners[0]));
        workers.attestByVerdict(verdict, twice);
        // A second worker of the first verifier's provider, on a machine of its own.
        join(0x1009, owners[0], 0xF009, 59);
        vm.roll(block.number + 2);
        verdict = snp();
        bytes[] memory same = signed(verdict, 2);
        same[1] = sign(0x1009, workers.verdictDigest(verdict));
        vm.expectRevert(abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(0x1009), owners[0]));
        workers.attestByVerdict(verdict, same);
        // A verifier of the very provider it is about.
        join(0x1008, provider, 0xF008, 58);
        vm.roll(block.number + 2);
        verdict = snp();
        bytes[] memory own = signed(verdict, 2);
        own[1] = sign(0x1008, workers.verdictDigest(verdict));
        vm.expectRevert(abi.encodeWithSelector(Verdicts.VerifierNotIndependent.selector, vm.addr(0x1008), provider));
        workers.attestByVerdict(verdict, own);
    }

    function test_who_is_not_covered_or_no_verifier_does_not_count() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory forged = signed(verdict, 2);
        forged[1] = sign(0xBAD, workers.verdictDigest(verdict));
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(0xBAD)));
        workers.attestByVerdict(verdict, forged);
        forged[1] = hex"00";
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, address(0)));
        workers.attestByVerdict(verdict, forged);
        bytes[] memory good = signed(verdict, 2);
        vm.prank(owners[1]);
        workers.depart(vm.addr(keys[1]));
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(keys[1])));
        workers.attestByVerdict(verdict, good);
        vm.prank(governance);
        platforms.setImage(SoftwarePlatform.imageId(keccak256("guest")), 1);
        vm.expectRevert(abi.encodeWithSelector(Verdicts.NotAVerifier.selector, vm.addr(keys[0])));
        workers.attestByVerdict(verdict, good);
    }

    function test_a_verdict_is_about_one_worker_one_provider_and_one_block() public {
        Verdicts.Verdict memory verdict = snp();
        bytes[] memory signatures = signed(verdict, 2);
        verdict.tlsKeyHash = keccak256("another");
        vm.expectRevert();
        workers.attestByVerdict(verdict, signatures);
        verdict = snp();
        workers.attestByVerdict(verdict, signatures);
        vm.expectRevert(abi.encodeWithSelector(Workers.EvidenceReplayed.selector, verdict.blockNumber, verdict.blockNumber));
        workers.attestByVerdict(verdict, signatures);
        verdict.provider = stranger;
        signatures = signed(verdict, 2);
        vm.expectRevert(abi.encodeWithSelector(Workers.NotProvider.selector, stranger));
        workers.attestByVerdict(verdict, signatures);
        verdict = snp();
        verdict.blockHash = keccak256("another fork");
        signatures = signed(verdict, 2);
        vm.expectRevert(
            abi.encodeWithSelector(Workers.EvidenceNotFresh.selector, verdict.blockHash, blockhash(verdict.blockNumber))
        );
        workers.attestByVerdict(verdict, signatures);
        verdict = snp();
        signatures = signed(verdict, 2);
        vm.roll(block.number + 300);
        vm.expectRevert(abi.encodeWithSelector(Workers.BlockUnknown.selector, verdict.blockNumber));
        workers.attestByVerdict(verdict, signatures);
    }

    function test_an_image_that_is_not_listed_is_refused_whoever_signs() public {
        Verdicts.Verdict memory verdict = snp();
        verdict.image = keccak256("another guest");
        bytes[] memory signatures = signed(verdict, 3);
        vm.expectRevert(abi.encodeWithSelector(Platforms.ImageNotAllowed.selector, verdict.image));
        workers.attestByVerdict(verdict, signatures);
    }

    function test_gpus_are_worth_nothing_without_a_verdict_and_while_the_worker_is_not_covered() public {
        Verdicts.Verdict memory verdict = gpus();
        workers.confirmGpus(verdict, signed(verdict, 2));
        vm.snapshotGasLastCall("Gas", "confirmGpus of 2");
        bytes[] memory again = signed(verdict, 2);
        vm.expectRevert(abi.encodeWithSelector(Workers.EvidenceReplayed.selector, verdict.blockNumber, verdict.blockNumber));
        workers.confirmGpus(verdict, again);
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
        vm.expectRevert(Verdicts.WrongKind.selector);
        workers.confirmGpus(verdict, signatures);
        verdict = gpus();
        vm.expectRevert(Verdicts.WrongKind.selector);
        workers.attestByVerdict(verdict, signatures);
    }

    function join(uint256 key, address owner, uint256 pck, uint256 serial) private {
        address w = vm.addr(key);
        bytes memory signature = sign(key, joinDigest(owner, w));
        vm.prank(owner);
        workers.register(w, describe(), signature);
        bytes32 pckId = registerPlatform(pck, serial, bytes16(uint128(serial)));
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        workers.attest(w, pckId, number, TLS_KEY_HASH, SoftwarePlatform.quote(guestFor(w, number), pck));
    }

    function snp() private view returns (Verdicts.Verdict memory) {
        uint256 number = block.number - 1;
        return Verdicts.Verdict(
            Verdicts.Kind.SevSnp, worker, provider, CHIP, SNP_IMAGE, TLS_KEY_HASH, 0, 0, number, blockhash(number)
        );
    }

    function gpus() private view returns (Verdicts.Verdict memory) {
        uint256 number = block.number - 1;
        return Verdicts.Verdict(
            Verdicts.Kind.NvidiaGpus, worker, provider, keccak256("eight gpus"), 0, TLS_KEY_HASH, "h100", 8, number, blockhash(number)
        );
    }

    function signed(Verdicts.Verdict memory verdict, uint256 count) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = sign(keys[i], workers.verdictDigest(verdict));
        }
    }
}
