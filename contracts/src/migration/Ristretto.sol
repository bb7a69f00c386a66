// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Edwards} from "./Edwards.sol";

/// @title The group ristretto255 (RFC 9496, section 4)
library Ristretto {
    /// @dev 1/√(a - d) of the curve (RFC 9496, section 4.1).
    uint256 private constant INVSQRT_A_MINUS_D =
        54469307008909316920995813868745141605393597292927456921205312896311721017578;

    /// @notice The point that 32 bytes stand for, or that they stand for none (section 4.3.1).
    function decode(bytes32 encoded) internal view returns (bool isPoint, uint256 x, uint256 y) {
        uint256 p = Edwards.P;
        uint256 s = Edwards.reverse(uint256(encoded));
        if (s >= p || s & 1 == 1) return (false, 0, 0);
        uint256 square = mulmod(s, s, p);
        uint256 u1 = addmod(1, p - square, p);
        uint256 u2 = addmod(1, square, p);
        uint256 u2Square = mulmod(u2, u2, p);
        uint256 v = 2 * p - mulmod(Edwards.D, mulmod(u1, u1, p), p) - u2Square;
        (bool isSquare, uint256 root) = Edwards.sqrtRatio(1, mulmod(v, u2Square, p));
        uint256 denX = mulmod(root, u2, p);
        x = Edwards.absolute(mulmod(2 * s, denX, p));
        y = mulmod(u1, mulmod(mulmod(root, denX, p), v, p), p);
        isPoint = isSquare && mulmod(x, y, p) & 1 == 0 && y != 0;
    }

    /// @notice The 32 bytes that stand for a point, whichever of its class it is (section 4.3.2).
    function encode(Edwards.Point memory point) internal view returns (bytes32) {
        uint256 p = Edwards.P;
        (uint256 x, uint256 y, uint256 z) = (point.x, point.y, point.z);
        uint256 u1 = mulmod(z + y, z + p - y, p);
        uint256 u2 = mulmod(x, y, p);
        (, uint256 root) = Edwards.sqrtRatio(1, mulmod(u1, mulmod(u2, u2, p), p));
        uint256 den = mulmod(root, u2, p);
        uint256 den1 = mulmod(root, u1, p);
        uint256 zInverse = mulmod(mulmod(den1, den, p), point.t, p);
        if (mulmod(point.t, zInverse, p) & 1 == 1) {
            (x, y) = (mulmod(y, Edwards.SQRT_M1, p), mulmod(x, Edwards.SQRT_M1, p));
            den = mulmod(den1, INVSQRT_A_MINUS_D, p);
        }
        if (mulmod(x, zInverse, p) & 1 == 1) y = (p - y) % p;
        return bytes32(Edwards.reverse(Edwards.absolute(mulmod(den, z + p - y, p))));
    }
}
