// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Der} from "./Der.sol";

/// @title What Intel's extension of a PCK certificate says of its platform
/// @dev Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5.
library Pck {
    /// @notice What stands at `offset` is not what Intel's extension of a PCK certificate has there.
    error BadPck(uint256 offset);

    /// Hash of the contents of 1.2.840.113741.1.13.1.
    bytes32 internal constant EXTENSION = keccak256(hex"2a864886f84d010d01");
    /// The same nine bytes, which begin every identifier inside the extension.
    bytes9 private constant PREFIX = hex"2a864886f84d010d01";
    uint256 private constant ALL = 15;

    struct Facts {
        /// The platform's identity.
        bytes16 ppid;
        bytes6 fmspc;
        /// Security version numbers of the sixteen components.
        bytes16 componentSvns;
        uint16 pceSvn;
    }

    /// @notice Reads the extension's contents, [start, end).
    function parse(bytes calldata der, uint256 start, uint256 end)
        internal
        pure
        returns (Facts memory facts)
    {
        (uint256 at, uint256 limit) = Der.expect(der, start, end, Der.SEQUENCE);
        if (limit != end) revert BadPck(start);
        uint256 seen;
        while (at < limit) {
            (uint256 field, uint256 fieldEnd) = Der.expect(der, at, limit, Der.SEQUENCE);
            at = fieldEnd;
            (uint8 id, uint256 value) = _identifier(der, field, fieldEnd, 10);
            if (id == 1) {
                facts.ppid = bytes16(_octets(der, value, fieldEnd, 16));
                seen |= 1;
            } else if (id == 2) {
                _tcb(der, value, fieldEnd, facts);
                seen |= 2;
            } else if (id == 3) {
                // The one provisioning enclave there is.
                if (_octets(der, value, fieldEnd, 2) != 0) revert BadPck(value);
                seen |= 4;
            } else if (id == 4) {
                facts.fmspc = bytes6(_octets(der, value, fieldEnd, 6));
                seen |= 8;
            }
        }
        if (seen != ALL) revert BadPck(start);
    }

    /// @dev SEQUENCE of sixteen components, PCESVN and CPUSVN.
    function _tcb(bytes calldata der, uint256 at, uint256 limit, Facts memory facts) private pure {
        uint256 end;
        (at, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        if (end != limit) revert BadPck(at);
        uint256 seen;
        uint256 svns;
        while (at < limit) {
            (uint256 field, uint256 fieldEnd) = Der.expect(der, at, limit, Der.SEQUENCE);
            at = fieldEnd;
            (uint8 id, uint256 value) = _identifier(der, field, fieldEnd, 11);
            if (id == 0 || id > 17) continue;
            uint256 svn;
            (svn, end) = Der.unsigned(der, value, fieldEnd);
            if (end != fieldEnd || seen & (1 << id) != 0 || svn > (id == 17 ? 0xffff : 0xff)) {
                revert BadPck(value);
            }
            seen |= 1 << id;
            if (id == 17) facts.pceSvn = uint16(svn);
            else svns |= svn << (8 * (16 - id));
        }
        // Bits 1 to 17.
        if (seen != 0x3fffe) revert BadPck(at);
        facts.componentSvns = bytes16(uint128(svns));
    }

    /// @dev The last number of an identifier of `length` bytes under the prefix, and where the value starts.
    function _identifier(bytes calldata der, uint256 at, uint256 limit, uint256 length)
        private
        pure
        returns (uint8 id, uint256 value)
    {
        uint256 start;
        (start, value) = Der.expect(der, at, limit, Der.OBJECT_IDENTIFIER);
        if (value - start != length || bytes9(der[start:start + 9]) != PREFIX) revert BadPck(at);
        if (length == 11 && der[start + 9] != 0x02) revert BadPck(at);
        id = uint8(der[value - 1]);
    }

    function _octets(bytes calldata der, uint256 at, uint256 limit, uint256 length)
        private
        pure
        returns (bytes32)
    {
        (uint256 start, uint256 end) = Der.expect(der, at, limit, Der.OCTET_STRING);
        if (end != limit || end - start != length) revert BadPck(at);
        return bytes32(der[start:end]);
    }
}
