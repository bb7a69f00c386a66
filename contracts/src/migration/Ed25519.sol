// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Edwards} from "./Edwards.sol";
import {Sha512} from "./Sha512.sol";

/// @title Ed25519 (RFC 8032, section 5.1)
/// @dev Without the cofactor and with s less than the group's order: stricter than Substrate, which goes by
/// ZIP-215, and what every wallet makes passes.
library Ed25519 {
    /// @notice Whether (r, s) is a signature over `message` by `key`. False for the eight keys of small
    /// order, which everybody can sign for: accounts that tokens were burnt with are among them.
    function verify(bytes memory message, bytes32 key, bytes32 r, bytes32 s) internal view returns (bool) {
        uint256 number = Edwards.reverse(uint256(s));
        if (number >= Edwards.L) return false;
        (bool isPoint, uint256 x, uint256 y) = decode(key);
        if (!isPoint || _isSmall(x, y)) return false;
        (uint256 first, uint256 second) = Sha512.hash(abi.encodePacked(r, key, message));
        return encode(
            Edwards.difference(number, Edwards.scalar(Edwards.reverse(first), Edwards.reverse(second)), x, y)
        ) == r;
    }

    /// @notice The point that 32 bytes stand for, or that they stand for none (section 5.1.3).
    function decode(bytes32 encoded) internal view returns (bool isPoint, uint256 x, uint256 y) {
        uint256 p = Edwards.P;
        uint256 number = Edwards.reverse(uint256(encoded));
        uint256 sign = number >> 255;
        y = number & (2 ** 255 - 1);
        if (y >= p) return (false, 0, 0);
        uint256 square = mulmod(y, y, p);
        (isPoint, x) = Edwards.sqrtRatio(addmod(square, p - 1, p), addmod(mulmod(Edwards.D, square, p), 1, p));
        if (x == 0 && sign == 1) return (false, 0, 0);
        if (x & 1 != sign) x = p - x;
    }

    /// @notice The 32 bytes that stand for a point (section 5.1.2).
    function encode(Edwards.Point memory point) internal view returns (bytes32) {
        uint256 p = Edwards.P;
        uint256 inverse = Edwards.power(point.z, p - 2);
        uint256 x = mulmod(point.x, inverse, p);
        return bytes32(Edwards.reverse(mulmod(point.y, inverse, p) | (x & 1) << 255));
    }

    /// @dev Whether eight times the point is the neutral one: of order 1 and 2 are the points with x = 0, of
    /// order 4 those with y = 0, and twice one of order 8 is one of order 4.
    function _isSmall(uint256 x, uint256 y) private pure returns (bool) {
        uint256 p = Edwards.P;
        return x == 0 || y == 0 || addmod(mulmod(x, x, p), mulmod(y, y, p), p) == 0;
    }
}
