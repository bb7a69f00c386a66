// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../src/attestation/Admission.sol";
import {Platforms} from "../../src/attestation/Platforms.sol";
import {GUEST, IAdmission} from "../../src/interfaces/IAdmission.sol";
import {IPlatforms} from "../../src/interfaces/IPlatforms.sol";
import {vm} from "../Vm.sol";

/// @dev A machine of Intel's under Intel's real root key: its quote and the lists of that time, from the
/// vectors beside the project.
abstract contract RealPlatform {
    bool public constant IS_TEST = true;

    /// @dev Which vectors, and what of them is where.
    struct Vector {
        string quote;
        string endorsements;
        /// An instant at which the lists are fresh, Unix seconds.
        uint256 instant;
        bytes6 fmspc;
        /// Where the body of the quote begins and where it ends, in bytes.
        uint256 body;
        uint256 end;
    }

    Vector internal vector;
    bool internal present;
    Admission internal admission;
    Platforms internal platforms;
    bytes internal quote;
    bytes internal pck;
    bytes internal authority;
    bytes internal ofRoot;
    bytes internal ofAuthority;
    bytes32 internal key;
    /// Gas of the transaction that registered the machine.
    uint256 internal registeredWith;

    modifier real() {
        vm.skip(!present, "no real quotes in ../shared/vectors");
        _;
    }

    /// @dev The floor that the machine is held against first.
    function begin(Vector memory vector_, IAdmission.Floor memory floor) internal {
        vector = vector_;
        // Where the folder is absent, even asking for it is refused.
        try vm.exists(vector.quote) returns (bool found) {
            present = found;
        } catch {}
        if (!present) return;
        vm.chainId(1);
        vm.warp(vector.instant);
        bytes memory whole = vm.readFileBinary(vector.quote);
        // Up to the quoting enclave's authentication data, of 32 bytes.
        quote = part(whole, 0, vector.end + 588 + 32);
        (pck, authority) = (pem(whole, 0), pem(whole, 1));
        uint256 body = vector.body;
        bytes memory registers =
            bytes.concat(part(whole, body + 136, body + 184), part(whole, body + 328, body + 472));
        IAdmission.FamilyFloor[] memory floors = new IAdmission.FamilyFloor[](1);
        floors[0] = IAdmission.FamilyFloor(vector.fmspc, floor);
        IAdmission.MeasurementRoles[] memory measurements = new IAdmission.MeasurementRoles[](1);
        measurements[0] = IAdmission.MeasurementRoles(keccak256(registers), GUEST);
        admission = new Admission(address(this), floors, measurements);
        platforms = new Platforms(
            0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5,
            0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394,
            admission
        );
        string memory json = vm.readFile(vector.endorsements);
        ofRoot = vm.parseBytes(vm.parseJsonString(json, ".root_ca_crl"));
        ofAuthority = vm.parseBytes(vm.parseJsonString(json, ".pck_crl"));
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, 0));
        platforms.registerPlatform(pck, authority);
        platforms.postRevocations(ofRoot, "", 100);
        platforms.postRevocations(ofAuthority, authority, 100);
        key = platforms.registerPlatform(pck, authority);
        registeredWith = vm.lastCallGas().gasTotalUsed;
    }

    /// @dev The quote with one thing about it changed, and always something.
    function varied(uint256 seed) internal view returns (bytes memory other) {
        other = quote;
        uint256 kind = seed % 4;
        seed >>= 2;
        uint256 at = (seed >> 16) % other.length;
        if (kind == 0) {
            other[at] = bytes1(uint8(other[at]) ^ uint8(1 + seed % 255));
        } else if (kind == 1) {
            other = part(other, 0, at);
        } else if (kind == 2) {
            // A field exchanged for its neighbour.
            uint256 from = at % (other.length - 64);
            for (uint256 i; i < 32; ++i) {
                (other[from + i], other[from + 32 + i]) = (other[from + 32 + i], other[from + i]);
            }
        } else {
            for (uint256 i = at; i < at + 16 && i < other.length; ++i) {
                other[i] = 0;
            }
        }
        vm.assume(keccak256(other) != keccak256(quote));
    }

    function part(bytes memory data, uint256 start, uint256 end) internal pure returns (bytes memory cut) {
        cut = new bytes(end - start);
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = data[start + i];
        }
    }

    /// @dev The `index`th certificate in PEM inside `data`, as DER.
    function pem(bytes memory data, uint256 index) internal pure returns (bytes memory der) {
        bytes27 begin_ = "-----BEGIN CERTIFICATE-----";
        uint256 at;
        for (uint256 found; found <= index; ++at) {
            bytes32 word;
            assembly {
                word := mload(add(add(data, 32), at))
            }
            if (bytes27(word) == begin_ && found++ == index) break;
        }
        at += 27;
        der = new bytes(2_000);
        uint256 length;
        uint256 bits;
        uint256 filled;
        for (; data[at] != "-"; ++at) {
            uint8 c = uint8(data[at]);
            uint256 digit = c >= 97
                ? c - 71
                : c >= 65 ? c - 65 : c == 43 ? 62 : c == 47 ? 63 : c >= 48 && c <= 57 ? c + 4 : 64;
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
