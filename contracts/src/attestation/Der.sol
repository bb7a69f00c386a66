// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Reading DER (X.690) with strict bounds
/// @dev Elements are ranges of offsets into calldata: [start, end) is an element's contents. Nothing outside
/// `limit` is read.
library Der {
    /// @notice What stands at `offset` is not what belongs there, or reaches past its limit.
    error BadDer(uint256 offset);

    uint8 internal constant BOOLEAN = 0x01;
    uint8 internal constant INTEGER = 0x02;
    uint8 internal constant BIT_STRING = 0x03;
    uint8 internal constant OCTET_STRING = 0x04;
    uint8 internal constant OBJECT_IDENTIFIER = 0x06;
    uint8 internal constant UTC_TIME = 0x17;
    uint8 internal constant GENERALIZED_TIME = 0x18;
    uint8 internal constant SEQUENCE = 0x30;
    uint8 internal constant SET = 0x31;

    /// @notice Reads the element at `at`, whatever its tag. Lengths of up to three bytes (16 MiB) in their
    /// shortest form.
    function next(bytes calldata data, uint256 at, uint256 limit)
        internal
        pure
        returns (uint8 tag, uint256 start, uint256 end)
    {
        if (limit > data.length || at + 2 > limit) revert BadDer(at);
        tag = uint8(data[at]);
        // Tags of more than one byte occur in no certificate.
        if (tag & 0x1f == 0x1f) revert BadDer(at);
        uint256 length = uint8(data[at + 1]);
        start = at + 2;
        if (length > 0x7f) {
            if (length == 0x81) {
                start = at + 3;
                if (start > limit) revert BadDer(at);
                length = uint8(data[at + 2]);
                if (length < 0x80) revert BadDer(at);
            } else if (length == 0x82) {
                start = at + 4;
                if (start > limit) revert BadDer(at);
                length = uint16(bytes2(data[at + 2:at + 4]));
                if (length < 0x100) revert BadDer(at);
            } else if (length == 0x83) {
                // Only revocation lists are that long.
                start = at + 5;
                if (start > limit) revert BadDer(at);
                length = uint24(bytes3(data[at + 2:at + 5]));
                if (length < 0x10000) revert BadDer(at);
            } else {
                revert BadDer(at);
            }
        }
        end = start + length;
        if (end > limit) revert BadDer(at);
    }

    /// @notice Reads the element at `at`, which must have `tag`.
    function expect(bytes calldata data, uint256 at, uint256 limit, uint8 tag)
        internal
        pure
        returns (uint256 start, uint256 end)
    {
        uint8 found;
        (found, start, end) = next(data, at, limit);
        if (found != tag) revert BadDer(at);
    }

    /// @notice Reads a non-negative integer of up to 256 bits in its shortest form.
    function unsigned(bytes calldata data, uint256 at, uint256 limit)
        internal
        pure
        returns (uint256 value, uint256 end)
    {
        uint256 start;
        (start, end) = expect(data, at, limit, INTEGER);
        if (start == end || uint8(data[start]) > 0x7f) revert BadDer(at);
        if (data[start] == 0 && end - start > 1) {
            ++start;
            if (uint8(data[start]) < 0x80) revert BadDer(at);
        }
        if (end - start > 32) revert BadDer(at);
        value = uint256(bytes32(data[start:end])) >> (8 * (32 - (end - start)));
    }

    /// @notice Reads ECDSA-Sig-Value (RFC 3279, section 2.2.3) out of a bit string that ends at `limit`.
    function signature(bytes calldata data, uint256 at, uint256 limit)
        internal
        pure
        returns (uint256 r, uint256 s)
    {
        (uint256 start, uint256 end) = expect(data, at, limit, BIT_STRING);
        if (end != limit || start == end || data[start] != 0) revert BadDer(at);
        uint256 inner;
        (inner, end) = expect(data, start + 1, limit, SEQUENCE);
        if (end != limit) revert BadDer(at);
        (r, inner) = unsigned(data, inner, end);
        (s, inner) = unsigned(data, inner, end);
        if (inner != end) revert BadDer(at);
    }

    /// @notice Reads a UTCTime or GeneralizedTime as RFC 5280, section 4.1.2.5, has them. Unix seconds.
    function time(bytes calldata data, uint256 at, uint256 limit)
        internal
        pure
        returns (uint256 seconds_, uint256 end)
    {
        uint8 tag;
        uint256 start;
        (tag, start, end) = next(data, at, limit);
        uint256 year;
        if (tag == UTC_TIME && end - start == 13) {
            year = _twoDigits(data, start);
            year += year < 50 ? 2000 : 1900;
            start += 2;
        } else if (tag == GENERALIZED_TIME && end - start == 15) {
            year = _twoDigits(data, start) * 100 + _twoDigits(data, start + 2);
            start += 4;
        } else {
            revert BadDer(at);
        }
        uint256 month = _twoDigits(data, start);
        uint256 day = _twoDigits(data, start + 2);
        uint256 hour = _twoDigits(data, start + 4);
        uint256 minute = _twoDigits(data, start + 6);
        uint256 second = _twoDigits(data, start + 8);
        bool bad = year < 1970 || month == 0 || month > 12 || day == 0 || day > 31 || hour > 23 || minute > 59
            || second > 59;
        if (bad || data[start + 10] != "Z") revert BadDer(at);
        seconds_ = _daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    }

    /// @notice The bytes of a range as a hash.
    function hash(bytes calldata data, uint256 start, uint256 end) internal pure returns (bytes32) {
        return keccak256(data[start:end]);
    }

    function _twoDigits(bytes calldata data, uint256 at) private pure returns (uint256) {
        uint8 tens = uint8(data[at]);
        uint8 ones = uint8(data[at + 1]);
        if (tens < 0x30 || tens > 0x39 || ones < 0x30 || ones > 0x39) revert BadDer(at);
        return uint256(tens - 0x30) * 10 + (ones - 0x30);
    }

    /// @dev Days in the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms").
    function _daysSince1970(uint256 year, uint256 month, uint256 day) private pure returns (uint256) {
        if (month <= 2) --year;
        uint256 era = year / 400;
        uint256 yearOfEra = year - era * 400;
        uint256 dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        uint256 dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097 + dayOfEra - 719_468;
    }
}
