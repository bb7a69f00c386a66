// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Platforms} from "../src/Platforms.sol";
import {TdxQuote} from "../src/attestation/TdxQuote.sol";
import {vm} from "./Vm.sol";

/// @dev A genuine quote by an Intel machine, under Intel's real root key, from the vectors beside the project.
contract RealQuoteTest {
    bool public constant IS_TEST = true;
    string private constant QUOTE = "../shared/vectors/tdx/tdx_quote";
    string private constant COLLATERAL = "../shared/vectors/tdx/tdx_quote_collateral.json";
    /// Up to the quoting enclave's authentication data, 32 bytes.
    uint256 private constant NEEDED = 632 + 588 + 32;

    bool private present;
    Platforms private platforms;
    bytes private quote;
    bytes private pck;
    bytes private authority;
    bytes private ofRoot;
    bytes private ofAuthority;
    bytes32 private key;

    function setUp() public {
        // Where the folder is absent, even asking for it is refused.
        try vm.exists(QUOTE) returns (bool found) {
            present = found;
        } catch {}
        if (!present) return;
        vm.chainId(1);
        vm.warp(1_751_000_000);
        platforms = new Platforms(
            address(this),
            0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5,
            0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394
        );
        bytes memory whole = vm.readFileBinary(QUOTE);
        quote = part(whole, 0, NEEDED);
        pck = pem(whole, 0);
        authority = pem(whole, 1);
        string memory json = vm.readFile(COLLATERAL);
        ofRoot = vm.parseBytes(vm.parseJsonString(json, ".root_ca_crl"));
        ofAuthority = vm.parseBytes(vm.parseJsonString(json, ".pck_crl"));
        vm.expectRevert(abi.encodeWithSelector(Platforms.RevocationsOutdated.selector, 0));
        platforms.registerPlatform(pck, authority);
        platforms.postRevocations(ofRoot, "", 100);
        platforms.postRevocations(ofAuthority, authority, 100);
        key = platforms.registerPlatform(pck, authority);
        platforms.setFloor(hex"b0c06f000000", floor(hex"02020202030100050000000000000000"));
        (bytes memory registers) = bytes.concat(part(whole, 184, 232), part(whole, 376, 520));
        platforms.setImage(keccak256(registers), 1);
    }

    modifier real() {
        vm.skip(!present, "no real quotes in ../shared/vectors");
        _;
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
        platforms.setFloor(hex"b0c06f000000", floor(hex"ff020202030100050000000000000000"));
        vm.expectRevert(abi.encodeWithSelector(Platforms.TcbBelowFloor.selector, bytes6(hex"b0c06f000000")));
        platforms.verify(key, quote);
    }

    /// forge-config: default.fuzz.runs = 1000
    function test_a_thousand_variations_of_the_quote_are_refused(uint256 seed) public real {
        bytes memory varied = quote;
        uint256 kind = seed % 4;
        seed >>= 2;
        uint256 at = (seed >> 16) % varied.length;
        if (kind == 0) {
            varied[at] = bytes1(uint8(varied[at]) ^ uint8(1 + seed % 255));
        } else if (kind == 1) {
            varied = part(varied, 0, at);
        } else if (kind == 2) {
            // A field exchanged for its neighbour.
            uint256 from = at % (varied.length - 64);
            bytes32 before = keccak256(varied);
            for (uint256 i; i < 32; ++i) {
                (varied[from + i], varied[from + 32 + i]) = (varied[from + 32 + i], varied[from + i]);
            }
            vm.assume(keccak256(varied) != before);
        } else {
            bytes32 before = keccak256(varied);
            for (uint256 i = at; i < at + 16 && i < varied.length; ++i) {
                varied[i] = 0;
            }
            vm.assume(keccak256(varied) != before);
        }
        vm.expectRevert();
        platforms.verify(key, varied);
    }

    /// forge-config: default.fuzz.runs = 1000
    function test_a_thousand_variations_of_the_certificates_are_refused(uint256 seed) public real {
        bytes memory varied = seed & 1 == 0 ? pck : authority;
        uint256 at = (seed >> 16) % varied.length;
        if (seed & 2 == 0) varied[at] = bytes1(uint8(varied[at]) ^ uint8(1 + (seed >> 2) % 255));
        else varied = part(varied, 0, at);
        vm.expectRevert();
        if (seed & 1 == 0) platforms.registerPlatform(varied, authority);
        else platforms.registerPlatform(pck, varied);
    }

    function test_intels_revocation_lists_are_accepted() public real {
        // Their 44 entries name other machines.
        platforms.verify(key, quote);
        vm.assertEq(platforms.authorityOf(0).nextUpdate, 1_775_215_317);
        bytes memory varied = ofAuthority;
        varied[60] ^= 0x01;
        vm.expectRevert();
        platforms.postRevocations(varied, authority, 100);
        vm.warp(1_752_919_235 + 7 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Platforms.RevocationsOutdated.selector, 1_752_919_235));
        platforms.verify(key, quote);
    }

    function floor(bytes16 svns) private pure returns (Platforms.Floor memory) {
        return Platforms.Floor(svns, 11, 4, 1_800_000_000, hex"00000200000000000000000000000000", hex"0504ffffffffffff");
    }

    function part(bytes memory data, uint256 start, uint256 end) private pure returns (bytes memory cut) {
        cut = new bytes(end - start);
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = data[start + i];
        }
    }

    /// @dev The `index`th certificate in PEM inside `data`, as DER.
    function pem(bytes memory data, uint256 index) private pure returns (bytes memory der) {
        bytes27 begin = "-----BEGIN CERTIFICATE-----";
        uint256 at;
        for (uint256 found; found <= index; ++at) {
            bytes32 word;
            assembly {
                word := mload(add(add(data, 32), at))
            }
            if (bytes27(word) == begin && found++ == index) break;
        }
        at += 27;
        der = new bytes(2_000);
        uint256 length;
        uint256 bits;
        uint256 filled;
        for (; data[at] != "-"; ++at) {
            uint8 c = uint8(data[at]);
            uint256 digit = c >= 97 ? c - 71 : c >= 65 ? c - 65 : c == 43 ? 62 : c == 47 ? 63 : c >= 48 && c <= 57 ? c + 4 : 64;
            if (digit == 64) continue;
            (bits, filled) = ((bits << 6) | digit, filled + 6);
            if (filled < 8) continue;
            filled -= 8;
            der[length++] = bytes1(uint8(bits >> filled));
            bits &= (1 << filled) - 1;
        }
        assembly {
            mstore(der, length)
        }
    }
}
