// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../src/attestation/Admission.sol";
import {Der} from "../../src/attestation/Der.sol";
import {Platforms} from "../../src/attestation/Platforms.sol";
import {TdxQuote} from "../../src/attestation/TdxQuote.sol";
import {X509} from "../../src/attestation/X509.sol";
import {IAdmission} from "../../src/interfaces/IAdmission.sol";
import {IPlatforms} from "../../src/interfaces/IPlatforms.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {change} from "../stages/Economy.sol";
import {Network} from "../stages/Network.sol";

/// @dev Platforms, floors, images and revocation, with a platform in software under a development root.
contract PlatformsTest is Network {
    uint256 private number;

    function setUp() public override {
        super.setUp();
        register();
        vm.roll(block.number + 2);
        number = block.number - 1;
    }

    function test_a_development_root_is_refused_outside_development() public {
        (uint256 x, uint256 y) = vm.publicKeyP256(SoftwarePlatform.ROOT_KEY);
        vm.assertTrue(platforms.simulated());
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.DevelopmentRootOutsideDevelopment.selector, 1));
        new Platforms(x, y, admission);
    }

    function test_registerPlatform_remembers_what_the_certificate_says() public view {
        IPlatforms.PckKey memory pck = platforms.pckKeyOf(pckKey);
        vm.assertEq(pck.platform, sha256(abi.encodePacked(PPID)));
        (uint256 x, uint256 y) = vm.publicKeyP256(PCK);
        vm.assertEq(pck.x, x);
        vm.assertEq(pck.y, y);
        vm.assertEq(bytes32(pck.fmspc), bytes32(SoftwarePlatform.FMSPC));
        vm.assertEq(bytes32(pck.componentSvns), bytes32(SoftwarePlatform.SVNS));
        vm.assertEq(pck.pceSvn, SoftwarePlatform.PCE_SVN);
        vm.assertEq(pck.notAfter, block.timestamp + 365 days);
    }

    function test_registerPlatform_refuses_every_certificate_with_a_flipped_byte(uint256 seed) public {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        bytes memory pck = SoftwarePlatform.pck(PCK, 1, PPID, SoftwarePlatform.SVNS, from, until);
        bytes memory authority = SoftwarePlatform.authority(77, from, until);
        if (seed & 1 == 0) flip(pck, seed >> 1);
        else flip(authority, seed >> 1);
        vm.expectRevert();
        platforms.registerPlatform(pck, authority);
    }

    function test_registerPlatform_refuses_cut_and_lengthened_certificates(uint256 length) public {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        bytes memory pck = SoftwarePlatform.pck(PCK, 1, PPID, SoftwarePlatform.SVNS, from, until);
        bytes memory authority = SoftwarePlatform.authority(77, from, until);
        vm.expectRevert();
        platforms.registerPlatform(cut(pck, length % pck.length), authority);
        vm.expectRevert(abi.encodeWithSelector(Der.BadDer.selector, 0));
        platforms.registerPlatform(bytes.concat(pck, hex"00"), authority);
        vm.expectRevert();
        platforms.registerPlatform(pck, cut(authority, length % authority.length));
    }

    function test_registerPlatform_refuses_expired_and_future_certificates() public {
        uint256 instant = block.timestamp;
        bytes memory authority = SoftwarePlatform.authority(77, instant - 10, instant + 10);
        bytes memory expired =
            SoftwarePlatform.pck(PCK, 1, PPID, SoftwarePlatform.SVNS, instant - 20, instant - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IPlatforms.CertificateNotValidNow.selector, instant - 20, instant - 1)
        );
        platforms.registerPlatform(expired, authority);
        bytes memory good = SoftwarePlatform.pck(PCK, 1, PPID, SoftwarePlatform.SVNS, instant, instant);
        platforms.registerPlatform(good, authority);
        bytes memory early = SoftwarePlatform.authority(77, instant + 1, instant + 10);
        vm.expectRevert(
            abi.encodeWithSelector(IPlatforms.CertificateNotValidNow.selector, instant + 1, instant + 10)
        );
        platforms.registerPlatform(good, early);
    }

    function test_registerPlatform_refuses_authorities_that_are_none_and_leaves_that_are_authorities()
        public
    {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        bytes memory pck = SoftwarePlatform.pck(PCK, 1, PPID, SoftwarePlatform.SVNS, from, until);
        bytes memory authority = SoftwarePlatform.authority(77, from, until);
        bytes memory noAuthority = SoftwarePlatform.certificate(
            78,
            SoftwarePlatform.AUTHORITY_KEY,
            SoftwarePlatform.ROOT_KEY,
            from,
            until,
            SoftwarePlatform.extension(hex"551d13", true, hex"3000")
        );
        vm.expectRevert(IPlatforms.NotAnAuthority.selector);
        platforms.registerPlatform(pck, noAuthority);
        vm.expectRevert(IPlatforms.NotAPckCertificate.selector);
        platforms.registerPlatform(authority, authority);
        // An authority that the root did not sign.
        bytes memory forged = SoftwarePlatform.certificate(
            79,
            SoftwarePlatform.AUTHORITY_KEY,
            0xBAD,
            from,
            until,
            SoftwarePlatform.extension(hex"551d13", true, hex"30030101ff")
        );
        vm.expectRevert(X509.BadCertificateSignature.selector);
        platforms.registerPlatform(pck, forged);
        bytes memory critical = SoftwarePlatform.certificate(
            80,
            PCK,
            SoftwarePlatform.AUTHORITY_KEY,
            from,
            until,
            SoftwarePlatform.extension(hex"551d24", true, hex"3000")
        );
        vm.expectRevert();
        platforms.registerPlatform(critical, authority);
    }

    function test_attest_refuses_quotes_below_the_floor_in_any_part() public {
        SoftwarePlatform.Guest memory g = guestFor(worker, number);
        bytes memory below = abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, SoftwarePlatform.FMSPC);
        g.qeSvn = 3;
        refused(g, below);
        g.qeSvn = 4;
        g.teeTcbSvn = hex"06010200000000000000000000000000";
        refused(g, below);
        g.teeTcbSvn = hex"05010300000000000000000000000000";
        refused(g, below);
        // Module versions 2 and 9 are not known.
        g.teeTcbSvn = hex"06020300000000000000000000000000";
        refused(g, below);
        g.teeTcbSvn = hex"06090300000000000000000000000000";
        refused(g, below);
        // Version 0 is, from SVN 5 on.
        g.teeTcbSvn = hex"05000300000000000000000000000000";
        attestWith(worker, pckKey, number, SoftwarePlatform.quote(g, PCK));
    }

    function test_attest_refuses_a_platform_below_the_floor_and_after_the_floor_expired() public {
        bytes memory below = abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, SoftwarePlatform.FMSPC);
        IAdmission.Floor memory f = floor();
        f.pceSvn = SoftwarePlatform.PCE_SVN + 1;
        govern(f);
        refused(guestFor(worker, number), below);
        f = floor();
        f.componentSvns = hex"05050202040100060000000000000000";
        govern(f);
        refused(guestFor(worker, number), below);
        f = floor();
        f.expiry = uint48(block.timestamp - 1);
        govern(f);
        refused(
            guestFor(worker, number),
            abi.encodeWithSelector(IAdmission.TcbFloorExpired.selector, SoftwarePlatform.FMSPC, f.expiry)
        );
        f.expiry = 0;
        change(governance, admission, abi.encodeCall(Admission.setFloor, (SoftwarePlatform.FMSPC, f)));
        nextBlock();
        refused(
            guestFor(worker, number),
            abi.encodeWithSelector(IAdmission.NoTcbFloor.selector, SoftwarePlatform.FMSPC)
        );
    }

    function test_attest_refuses_debug_unsafe_attributes_and_unknown_images() public {
        SoftwarePlatform.Guest memory g = guestFor(worker, number);
        g.attributes = hex"0100001000000000";
        refused(g, abi.encodeWithSelector(TdxQuote.DebugGuest.selector));
        g.attributes = hex"0000000000000000";
        refused(g, abi.encodeWithSelector(TdxQuote.UnsafeGuest.selector));
        g.attributes = hex"0000001001000000";
        refused(g, abi.encodeWithSelector(TdxQuote.UnsafeGuest.selector));
        g.attributes = hex"0000001000000000";
        g.image = "another image";
        refused(
            g,
            abi.encodeWithSelector(
                IAdmission.ImageNotAllowed.selector, SoftwarePlatform.imageId("another image")
            )
        );
        change(
            governance,
            admission,
            abi.encodeCall(Admission.setImage, (SoftwarePlatform.imageId("another image"), 1))
        );
        nextBlock();
        g = guestFor(worker, number);
        g.image = "another image";
        attestWith(worker, pckKey, number, SoftwarePlatform.quote(g, PCK));
        vm.assertEq(workers.imageOf(worker), SoftwarePlatform.imageId("another image"));
    }

    function test_attest_refuses_another_platforms_key_and_unknown_ones() public {
        bytes32 second = registerPlatform(0xFACE, 2, "second platform");
        bytes memory quote = quoteFor(worker, number);
        vm.expectRevert(TdxQuote.BadQuotingEnclave.selector);
        workers.attest(worker, second, number, TLS_KEY_HASH, quote);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.UnknownPckKey.selector, keccak256("none")));
        workers.attest(worker, keccak256("none"), number, TLS_KEY_HASH, quote);
    }

    function test_attest_refuses_every_quote_with_a_flipped_byte_or_cut(uint256 seed) public {
        bytes memory quote = quoteFor(worker, number);
        if (seed & 1 == 0) flip(quote, seed >> 1);
        else quote = cut(quote, (seed >> 1) % quote.length);
        vm.expectRevert();
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function test_attest_ends_with_the_certificate() public {
        bytes32 short = registerShortLived();
        bytes memory quote = quoteFor(worker, number);
        vm.warp(block.timestamp + 11);
        vm.expectRevert(
            abi.encodeWithSelector(IPlatforms.CertificateNotValidNow.selector, 0, block.timestamp - 1)
        );
        workers.attest(worker, short, number, TLS_KEY_HASH, quote);
    }

    function test_revocation_lists_are_posted_by_anyone_and_stop_keys_and_authorities() public {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        bytes memory authority = SoftwarePlatform.authority(77, from, until);
        uint256[] memory serials = new uint256[](2);
        (serials[0], serials[1]) = (999, 1);
        bytes memory list =
            SoftwarePlatform.revocations(SoftwarePlatform.AUTHORITY_KEY, block.timestamp, serials);
        bytes memory forged = SoftwarePlatform.revocations(0xBAD, block.timestamp, serials);
        vm.expectRevert(X509.BadCertificateSignature.selector);
        platforms.postRevocations(forged, authority, 100);
        // The root's list is not the authority's.
        vm.expectRevert(X509.BadCertificateSignature.selector);
        platforms.postRevocations(list, "", 100);
        attestOnce();
        vm.prank(stranger);
        platforms.postRevocations(list, authority, 100);
        number = block.number;
        vm.roll(block.number + 2);
        refused(
            guestFor(worker, number), abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, pckKey)
        );
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, pckKey));
        this.again(1);

        // A new certificate of the same platform does, until the authority itself is revoked.
        bytes32 renewed = registerPlatform(PCK, 5, PPID);
        bytes memory quote = quoteFor(worker, number);
        attestWith(worker, renewed, number, quote);
        serials = new uint256[](1);
        serials[0] = 77;
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, serials), "", 100
        );
        number = block.number;
        vm.roll(block.number + 2);
        quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, renewed));
        workers.attest(worker, renewed, number, TLS_KEY_HASH, quote);
        vm.expectRevert();
        this.again(6);
    }

    function test_an_empty_revocation_list_changes_nothing_and_one_from_the_future_is_refused() public {
        uint256[] memory none = new uint256[](0);
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, none), "", 100
        );
        attestOnce();
        bytes memory future =
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp + 1, none);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.ListNotValidYet.selector, block.timestamp + 1));
        platforms.postRevocations(future, "", 100);
    }

    function test_a_platform_serves_one_provider_and_changes_hands_when_coverage_ended() public {
        attestOnce();
        uint256 until = block.timestamp + 1 hours;
        address second = vm.addr(0x2222);
        bytes memory signature = sign(0x2222, joinDigest(stranger, second));
        vm.prank(stranger);
        workers.register(second, describe(), signature);
        bytes memory quote = SoftwarePlatform.quote(guestFor(second, number), PCK);
        bytes32 platform = platforms.pckKeyOf(pckKey).platform;
        vm.prank(second);
        vm.expectRevert(abi.encodeWithSelector(IWorkers.PlatformHeld.selector, platform, provider, until));
        workers.attest(second, pckKey, number, TLS_KEY_HASH, quote);
        vm.warp(until);
        attestWith(second, pckKey, number, quote);
        vm.assertEq(workers.holderOf(platform).provider, stranger);
        // Now it is the first provider who has to wait.
        number = block.number;
        vm.roll(block.number + 2);
        quote = quoteFor(worker, number);
        vm.prank(worker);
        vm.expectRevert(
            abi.encodeWithSelector(IWorkers.PlatformHeld.selector, platform, stranger, until + 1 hours)
        );
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function test_a_platform_may_have_several_workers_of_one_provider() public {
        attestOnce();
        address second = vm.addr(0x2222);
        bytes memory signature = sign(0x2222, joinDigest(provider, second));
        vm.prank(provider);
        workers.register(second, describe(), signature);
        attestWith(second, pckKey, number, SoftwarePlatform.quote(guestFor(second, number), PCK));
        (,, uint256 until) = workers.billing(second);
        vm.assertEq(until, block.timestamp + 1 hours);
    }

    function again(uint256 serial) external returns (bytes32) {
        return registerPlatform(PCK, serial, PPID);
    }

    function attestOnce() private {
        attestWith(worker, pckKey, number, quoteFor(worker, number));
    }

    function registerShortLived() private returns (bytes32) {
        uint256 instant = block.timestamp;
        return platforms.registerPlatform(
            SoftwarePlatform.pck(PCK, 9, PPID, SoftwarePlatform.SVNS, instant, instant + 10),
            SoftwarePlatform.authority(77, instant, instant + 10)
        );
    }

    function govern(IAdmission.Floor memory f) private {
        vm.prank(governance);
        admission.raiseFloor(SoftwarePlatform.FMSPC, f);
    }

    function nextBlock() private {
        vm.roll(block.number + 2);
        number = block.number - 1;
    }

    function refused(SoftwarePlatform.Guest memory g, bytes memory reason) private {
        bytes memory quote = SoftwarePlatform.quote(g, PCK);
        vm.expectRevert(reason);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function flip(bytes memory data, uint256 seed) private pure {
        uint256 at = (seed >> 8) % data.length;
        data[at] = bytes1(uint8(data[at]) ^ uint8(1 + seed % 255));
    }

    function cut(bytes memory data, uint256 length) private pure returns (bytes memory shorter) {
        shorter = new bytes(length);
        for (uint256 i; i < length; ++i) {
            shorter[i] = data[i];
        }
    }
}
