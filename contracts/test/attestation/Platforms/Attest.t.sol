// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../../src/attestation/Admission.sol";
import {TdxQuote} from "../../../src/attestation/TdxQuote.sol";
import {IAdmission} from "../../../src/interfaces/IAdmission.sol";
import {IPlatforms} from "../../../src/interfaces/IPlatforms.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {change} from "../../stages/Economy.sol";
import {PlatformsStage} from "./PlatformsStage.sol";

contract PlatformsAttestTest is PlatformsStage {
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

    function test_attest_refuses_debug_unsafe_attributes_and_unknown_measurements() public {
        SoftwarePlatform.Guest memory g = guestFor(worker, number);
        g.attributes = hex"0100001000000000";
        refused(g, abi.encodeWithSelector(TdxQuote.DebugGuest.selector));
        g.attributes = hex"0000000000000000";
        refused(g, abi.encodeWithSelector(TdxQuote.UnsafeGuest.selector));
        g.attributes = hex"0000001001000000";
        refused(g, abi.encodeWithSelector(TdxQuote.UnsafeGuest.selector));
        g.attributes = hex"0000001000000000";
        g.software = "another guest";
        refused(
            g,
            abi.encodeWithSelector(
                IAdmission.MeasurementNotAllowed.selector, SoftwarePlatform.measurementOf("another guest")
            )
        );
        change(
            governance,
            admission,
            abi.encodeCall(Admission.setMeasurement, (SoftwarePlatform.measurementOf("another guest"), 1))
        );
        nextBlock();
        g = guestFor(worker, number);
        g.software = "another guest";
        attestWith(worker, pckKey, number, SoftwarePlatform.quote(g, PCK));
        vm.assertEq(workers.measurementOf(worker), SoftwarePlatform.measurementOf("another guest"));
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
}
