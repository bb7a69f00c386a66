// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Gpus} from "../../src/attestation/Gpus.sol";
import {Verdicts} from "../../src/attestation/Verdicts.sol";
import {Errors} from "../../src/interfaces/Errors.sol";
import {GUEST, IAdmission, VERIFIER} from "../../src/interfaces/IAdmission.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {change} from "../stages/Economy.sol";
import {StakedNetwork} from "../stages/StakedNetwork.sol";

/// @dev What somebody tries to have said of a worker without its key: by verifiers that are honest and were
/// given evidence of their own, by verifiers that are broken, by a machine that is broken, or by a quote
/// that the worker made for anybody.
contract WorkersWordTest is StakedNetwork {
    bytes32 private verifierImage = SoftwarePlatform.imageId(keccak256("guest"));

    /// @dev Governance listed the SEV-SNP image as a verifier's by mistake, and a second TDX image.
    function images() internal pure override returns (IAdmission.ImageRoles[] memory roles) {
        roles = new IAdmission.ImageRoles[](3);
        roles[0] = IAdmission.ImageRoles(SoftwarePlatform.imageId(keccak256("guest")), GUEST | VERIFIER);
        roles[1] = IAdmission.ImageRoles(snpName(), GUEST | VERIFIER);
        roles[2] = IAdmission.ImageRoles(SoftwarePlatform.imageId("another image"), GUEST);
    }

    // GPUS

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

    // VERIFIERS

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
            // The verifiers' own image, which is one of TDX, is not what it is called in a verdict.
            fake.image = verifierImage;
            bytes[] memory asVerifier = signed(fake, 2);
            bytes32 name = workers.nameOf(Verdicts.Kind.SevSnp, verifierImage);
            vm.prank(fake.worker);
            vm.expectRevert(abi.encodeWithSelector(IAdmission.ImageNotAllowed.selector, name));
            workers.attestByVerdict(fake, asVerifier, "");
            fake.image = SNP_IMAGE;
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

    // TLS KEY, IMAGE, COVERAGE

    function test_broken_verifiers_do_not_rewrite_an_honest_workers_image_and_key() public {
        attest();
        bytes32 honest = workers.imageOf(worker);
        vm.roll(block.number + 2);
        Verdicts.Verdict memory verdict = snp();
        verdict.tlsKeyHash = keccak256("the attacker's key, which gateways would expect");
        bytes[] memory signatures = signed(verdict, 2);
        vm.expectRevert(Errors.BadSignature.selector);
        workers.attestByVerdict(verdict, signatures, "");
        vm.assertEq(workers.imageOf(worker), honest);
        vm.assertEq(workers.tlsKeyHashOf(worker), TLS_KEY_HASH);
    }

    /// One machine whose keys somebody has can quote anything for any worker.
    function test_a_broken_machine_does_not_rewrite_another_workers_image_and_key() public {
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
        // Another image, under the right key.
        guest = guestFor(worker, number);
        guest.image = "another image";
        quote = SoftwarePlatform.quote(guest, 0xBAD);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, broken, number, TLS_KEY_HASH, quote);
        vm.assertEq(workers.tlsKeyHashOf(worker), TLS_KEY_HASH);
    }

    function test_anybody_renews_and_nobody_but_the_worker_undoes_a_departure_or_a_gap() public {
        attest();
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        // A worker quotes any number for anybody, a block's hash too.
        bytes memory asked = quoteFor(worker, number);
        vm.prank(stranger);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.prank(provider);
        workers.depart(worker);
        vm.roll(block.number + 2);
        number = block.number - 1;
        asked = quoteFor(worker, number);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.prank(worker);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
        vm.warp(block.timestamp + 1 hours);
        vm.roll(block.number + 2);
        number = block.number - 1;
        asked = quoteFor(worker, number);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.NotWorker.selector, stranger));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, asked);
    }

    function test_evidence_is_good_for_sixty_blocks() public {
        uint256 number = block.number - 1;
        bytes memory quote = quoteFor(worker, number);
        vm.roll(number + 61);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.BlockUnknown.selector, number));
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
        vm.roll(number + 60);
        vm.prank(worker);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
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
