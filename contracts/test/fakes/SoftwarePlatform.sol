// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../Vm.sol";

/// @dev A platform in software: certificates and quotes in the format of real ones, for tests. Keys are
/// P-256 scalars.
library SoftwarePlatform {
    uint256 internal constant ROOT_KEY = 0x2007;
    uint256 internal constant AUTHORITY_KEY = 0xCA;
    uint256 internal constant ATTESTATION_KEY = 0xA77E57;
    bytes6 internal constant FMSPC = hex"c10157e20000";
    bytes16 internal constant SVNS = hex"05050202040100050000000000000000";
    uint16 internal constant PCE_SVN = 13;
    bytes16 internal constant TEE_TCB_SVN = hex"06010300000000000000000000000000";

    /// @dev What a test may change about a quote.
    struct Guest {
        bytes16 teeTcbSvn;
        bytes8 attributes;
        bytes32 software;
        uint16 qeSvn;
        bytes32 binding;
        bytes32 freshness;
    }

    function guest(bytes32 binding, bytes32 freshness) internal pure returns (Guest memory) {
        return Guest(TEE_TCB_SVN, hex"0000001000000000", keccak256("guest"), 4, binding, freshness);
    }

    /// @dev keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2) of a guest whose four registers begin with `software`.
    function measurementOf(bytes32 software) internal pure returns (bytes32) {
        bytes memory register = abi.encodePacked(software, bytes16(0));
        return keccak256(bytes.concat(register, register, register, register));
    }

    function authority(uint256 serial, uint256 notBefore, uint256 notAfter)
        internal
        pure
        returns (bytes memory)
    {
        return certificate(
            serial,
            AUTHORITY_KEY,
            ROOT_KEY,
            notBefore,
            notAfter,
            extension(hex"551d13", true, hex"30060101ff020100")
        );
    }

    /// @dev A PCK certificate for the platform with this PPID.
    function pck(uint256 key, uint256 serial, bytes16 ppid, bytes16 svns, uint256 notBefore, uint256 notAfter)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory tcb;
        for (uint8 i; i < 16; ++i) {
            tcb = bytes.concat(tcb, field(abi.encodePacked(hex"02", i + 1), integer(uint8(svns[i]))));
        }
        tcb = bytes.concat(
            tcb, field(hex"0211", integer(PCE_SVN)), field(hex"0212", der(0x04, abi.encodePacked(svns)))
        );
        bytes memory sgx = der(
            0x30,
            bytes.concat(
                field(hex"01", der(0x04, abi.encodePacked(ppid))),
                field(hex"02", der(0x30, tcb)),
                field(hex"03", der(0x04, hex"0000")),
                field(hex"04", der(0x04, abi.encodePacked(FMSPC))),
                field(hex"05", hex"0a0100")
            )
        );
        bytes memory extensions = bytes.concat(
            extension(hex"551d13", true, hex"3000"), extension(hex"2a864886f84d010d01", false, sgx)
        );
        return certificate(serial, key, AUTHORITY_KEY, notBefore, notAfter, extensions);
    }

    function certificate(
        uint256 serial,
        uint256 key,
        uint256 issuer,
        uint256 notBefore,
        uint256 notAfter,
        bytes memory extensions
    ) internal pure returns (bytes memory) {
        bytes memory tbs = bytes.concat(
            hex"a003020102",
            integer(serial),
            hex"300a06082a8648ce3d040302",
            name(issuer),
            der(0x30, bytes.concat(time(notBefore), time(notAfter))),
            name(key),
            point(key),
            der(0xa3, der(0x30, extensions))
        );
        return signed(der(0x30, tbs), issuer);
    }

    function revocations(uint256 issuer, uint256 thisUpdate, uint256[] memory serials)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory entries;
        for (uint256 i; i < serials.length; ++i) {
            entries = bytes.concat(entries, der(0x30, bytes.concat(integer(serials[i]), time(thisUpdate))));
        }
        bytes memory tbs = bytes.concat(
            hex"020101",
            hex"300a06082a8648ce3d040302",
            name(issuer),
            time(thisUpdate),
            time(thisUpdate + 30 days),
            serials.length == 0 ? bytes("") : der(0x30, entries)
        );
        return signed(der(0x30, tbs), issuer);
    }

    /// @dev A quote of version 4 up to the authentication data, by the platform whose PCK key is `pckKey`.
    function quote(Guest memory g, uint256 pckKey) internal pure returns (bytes memory) {
        bytes memory register = abi.encodePacked(g.software, bytes16(0));
        bytes memory body = bytes.concat(
            bytes.concat(
                hex"0400020081000000", hex"00000000", hex"939a7233f79c4ca9940a0db3957f0607", new bytes(20)
            ),
            bytes.concat(
                abi.encodePacked(g.teeTcbSvn),
                new bytes(48 + 48 + 8),
                abi.encodePacked(g.attributes),
                new bytes(8)
            ),
            bytes.concat(register, new bytes(48 * 3), register, register, register, new bytes(48)),
            abi.encodePacked(g.binding, g.freshness)
        );
        bytes memory authentication = "software platform in forge tests";
        bytes memory key = coordinates(ATTESTATION_KEY);
        bytes memory report = bytes.concat(
            new bytes(48),
            hex"1100000000000000e700000000000000",
            new bytes(32 + 32),
            hex"dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5",
            new bytes(96),
            bytes.concat(hex"0200", littleEndian(g.qeSvn), new bytes(60)),
            bytes.concat(sha256(bytes.concat(key, authentication)), bytes32(0))
        );
        return bytes.concat(
            body,
            hex"e8030000",
            signature(body, ATTESTATION_KEY),
            key,
            hex"060062030000",
            report,
            signature(report, pckKey),
            littleEndian(uint16(authentication.length)),
            authentication
        );
    }

    function signature(bytes memory message, uint256 key) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, sha256(message));
        return abi.encodePacked(r, s);
    }

    function signed(bytes memory tbs, uint256 key) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, sha256(tbs));
        bytes memory numbers = der(0x30, bytes.concat(integer(uint256(r)), integer(uint256(s))));
        return der(
            0x30, bytes.concat(tbs, hex"300a06082a8648ce3d040302", der(0x03, bytes.concat(hex"00", numbers)))
        );
    }

    function extension(bytes memory oid, bool critical, bytes memory value)
        internal
        pure
        returns (bytes memory)
    {
        return der(
            0x30, bytes.concat(der(0x06, oid), critical ? bytes(hex"0101ff") : bytes(""), der(0x04, value))
        );
    }

    function field(bytes memory id, bytes memory value) private pure returns (bytes memory) {
        return der(0x30, bytes.concat(der(0x06, bytes.concat(hex"2a864886f84d010d01", id)), value));
    }

    function name(uint256 key) private pure returns (bytes memory) {
        return der(
            0x30,
            der(
                0x31,
                der(
                    0x30,
                    bytes.concat(hex"0603550403", der(0x0c, abi.encodePacked("key ", bytes8(uint64(key)))))
                )
            )
        );
    }

    function point(uint256 key) private pure returns (bytes memory) {
        return bytes.concat(hex"3059301306072a8648ce3d020106082a8648ce3d03010703420004", coordinates(key));
    }

    function coordinates(uint256 key) private pure returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        return abi.encodePacked(x, y);
    }

    function integer(uint256 value) internal pure returns (bytes memory) {
        uint256 length = 1;
        while (length < 32 && value >> (8 * length) != 0) ++length;
        bytes memory digits = new bytes(length);
        for (uint256 i; i < length; ++i) {
            digits[length - 1 - i] = bytes1(uint8(value >> (8 * i)));
        }
        return der(0x02, uint8(digits[0]) > 0x7f ? bytes.concat(hex"00", digits) : digits);
    }

    /// @dev GeneralizedTime.
    function time(uint256 instant) internal pure returns (bytes memory) {
        (uint256 y, uint256 m, uint256 d) = civil(instant / 86_400);
        uint256 rest = instant % 86_400;
        return der(
            0x18,
            abi.encodePacked(
                digits2(y / 100),
                digits2(y % 100),
                digits2(m),
                digits2(d),
                digits2(rest / 3600),
                digits2((rest / 60) % 60),
                digits2(rest % 60),
                "Z"
            )
        );
    }

    /// @dev The way back of the algorithm in Der.sol, from the same source.
    function civil(uint256 day) internal pure returns (uint256 y, uint256 m, uint256 d) {
        uint256 z = day + 719_468;
        uint256 era = z / 146_097;
        uint256 doe = z - era * 146_097;
        uint256 yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        uint256 doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        uint256 mp = (5 * doy + 2) / 153;
        d = doy - (153 * mp + 2) / 5 + 1;
        m = mp < 10 ? mp + 3 : mp - 9;
        y = yoe + era * 400 + (m <= 2 ? 1 : 0);
    }

    function digits2(uint256 value) private pure returns (bytes2) {
        return bytes2(uint16(((0x30 + value / 10) << 8) | (0x30 + value % 10)));
    }

    function littleEndian(uint16 value) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(value), uint8(value >> 8));
    }

    function der(uint8 tag, bytes memory contents) internal pure returns (bytes memory) {
        uint256 length = contents.length;
        if (length < 0x80) return abi.encodePacked(tag, uint8(length), contents);
        if (length < 0x100) return abi.encodePacked(tag, hex"81", uint8(length), contents);
        if (length < 0x10000) return abi.encodePacked(tag, hex"82", uint16(length), contents);
        return abi.encodePacked(tag, hex"83", uint24(length), contents);
    }
}
