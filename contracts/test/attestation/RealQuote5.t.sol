// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TdxQuote} from "../../src/attestation/TdxQuote.sol";
import {IAdmission} from "../../src/interfaces/IAdmission.sol";
import {vm} from "../Vm.sol";
import {RealPlatform} from "./RealPlatform.sol";

/// @dev A genuine quote of version 5 with the body of TD 1.5, by a machine that is out of date: what Intel
/// asked for when its TCB info was issued it doesn't reach.
contract RealQuote5Test is RealPlatform {
    bytes6 private constant FMSPC = hex"90c06f000000";
    /// The certificate's, and what Intel's level "UpToDate" of February 2026 asks for: more of the eighth
    /// component.
    bytes16 private constant ITS_OWN = hex"03030202040100030000000000000000";
    bytes16 private constant UP_TO_DATE = hex"03030202040100050000000000000000";

    function setUp() public {
        begin(
            Vector({
                quote: "../shared/vectors/tdx/tdx_quote_outdated",
                endorsements: "../shared/vectors/tdx/tdx_quote_outdated_collateral.json",
                instant: 1_772_000_000,
                fmspc: FMSPC,
                body: 54,
                end: 702
            }),
            floor(ITS_OWN, 7)
        );
    }

    function test_the_genuine_quote_is_accepted_where_the_floor_is_the_machines_own() public real {
        (bytes32 platform, TdxQuote.Evidence memory evidence) = platforms.verify(key, quote);
        vm.assertEq(platform, sha256(hex"66498c9263c04ed2f0657c530ac2b0cb"));
        // As it was launched. The module that it has by now (TEE_TCB_SVN_2, 0d0103) is newer.
        vm.assertEq(bytes32(evidence.teeTcbSvn), bytes32(hex"07010300000000000000000000000000"));
        vm.assertEq(evidence.qeSvn, 7);
        vm.assertEq(bytes32(part(quote, 54 + 520, 54 + 552)), evidence.binding);
        vm.assertEq(bytes32(part(quote, 54 + 552, 54 + 584)), evidence.freshness);
    }

    function test_what_intel_calls_up_to_date_refuses_it_as_a_floor() public real {
        admission.raiseFloor(FMSPC, floor(UP_TO_DATE, 5));
        vm.expectRevert(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        platforms.verify(key, quote);
        admission.lowerFloor(FMSPC);
        platforms.verify(key, quote);
        admission.raiseFloor(FMSPC, floor(ITS_OWN, 8));
        vm.expectRevert(abi.encodeWithSelector(IAdmission.TcbBelowFloor.selector, FMSPC));
        platforms.verify(key, quote);
    }

    function test_every_byte_of_header_descriptor_and_body_is_signed() public real {
        for (uint256 i; i < 702; i += 3) {
            bytes memory other = quote;
            other[i] ^= 0x01;
            vm.expectRevert();
            platforms.verify(key, other);
        }
    }

    /// forge-config: default.fuzz.runs = 500
    function test_hundreds_of_variations_are_refused(uint256 seed) public real {
        bytes memory other = varied(seed);
        vm.expectRevert();
        platforms.verify(key, other);
    }

    function floor(bytes16 svns, uint8 module) private pure returns (IAdmission.Floor memory) {
        bytes8 modules = bytes8(abi.encodePacked(hex"ff", module, hex"ffffffffffff"));
        return IAdmission.Floor(svns, 13, 7, 1_800_000_000, hex"00000300000000000000000000000000", modules);
    }
}
