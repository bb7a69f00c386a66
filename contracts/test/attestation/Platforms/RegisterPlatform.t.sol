// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Der} from "../../../src/attestation/Der.sol";
import {Platforms} from "../../../src/attestation/Platforms.sol";
import {X509} from "../../../src/attestation/X509.sol";
import {IPlatforms} from "../../../src/interfaces/IPlatforms.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {PlatformsStage} from "./PlatformsStage.sol";

contract PlatformsRegisterPlatformTest is PlatformsStage {
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
}
