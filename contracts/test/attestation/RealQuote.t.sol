// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TdxQuote} from "../../src/attestation/TdxQuote.sol";
import {IAdmission} from "../../src/interfaces/IAdmission.sol";
import {IPlatforms} from "../../src/interfaces/IPlatforms.sol";
import {vm} from "../Vm.sol";
import {RealPlatform} from "./RealPlatform.sol";

/// @dev A genuine quote of version 4.
contract RealQuoteTest is RealPlatform {
    bytes6 private constant FMSPC = hex"b0c06f000000";

    function setUp() public {
        begin(
            Vector({
                quote: "../shared/vectors/tdx/tdx_quote",
                endorsements: "../shared/vectors/tdx/tdx_quote_collateral.json",
                instant: 1_751_000_000,
                fmspc: FMSPC,
                body: 48,
                end: 632
            }),
            floor(hex"02020202030100050000000000000000")
        );
    }

    function test_the_genuine_quote_is_accepted_under_intels_root() public real {
        vm.assertTrue(!platforms.simulated());
        (bytes32 platform, TdxQuote.Evidence memory evidence) = platforms.verify(key, quote);
        // The PPID as the certificate has it.
        vm.assertEq(platform, sha256(hex"811dca2a26b952e85bb6448b097ba4fd"));
        vm.assertEq(bytes32(evidence.teeTcbSvn), bytes32(hex"06010300000000000000000000000000"));
        vm.assertEq(bytes32(part(quote, 568, 600)), evidence.binding);
        vm.assertEq(bytes32(part(quote, 600, 632)), evidence.freshness);
    }

    function test_a_floor_above_the_machine_refuses_it() public real {
        admission.raiseFloor(FMSPC, floor(hex"ff020202030100050000000000000000"));
        vm.expectRevert(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        platforms.verify(key, quote);
    }

    function test_gas_of_registering_with_intels_own_certificates() public real {
        vm.assertLe(registeredWith, 600_000);
    }

    /// forge-config: default.fuzz.runs = 1000
    function test_a_thousand_variations_of_the_quote_are_refused(uint256 seed) public real {
        bytes memory other = varied(seed);
        vm.expectRevert();
        platforms.verify(key, other);
    }

    /// forge-config: default.fuzz.runs = 1000
    function test_a_thousand_variations_of_the_certificates_are_refused(uint256 seed) public real {
        bytes memory other = seed & 1 == 0 ? pck : authority;
        uint256 at = (seed >> 16) % other.length;
        if (seed & 2 == 0) other[at] = bytes1(uint8(other[at]) ^ uint8(1 + (seed >> 2) % 255));
        else other = part(other, 0, at);
        vm.expectRevert();
        if (seed & 1 == 0) platforms.registerPlatform(other, authority);
        else platforms.registerPlatform(pck, other);
    }

    function test_intels_revocation_lists_are_accepted() public real {
        // Their 44 entries name other machines.
        platforms.verify(key, quote);
        vm.assertEq(platforms.authorityOf(0).nextUpdate, 1_775_215_317);
        bytes memory other = ofAuthority;
        other[60] ^= 0x01;
        vm.expectRevert();
        platforms.postRevocations(other, authority, 100);
        vm.warp(1_752_919_235 + 7 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, 1_752_919_235));
        platforms.verify(key, quote);
    }

    function floor(bytes16 svns) private pure returns (IAdmission.Floor memory) {
        return IAdmission.Floor(
            svns, 11, 4, 1_800_000_000, hex"00000200000000000000000000000000", hex"0504ffffffffffff"
        );
    }
}
