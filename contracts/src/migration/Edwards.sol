// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The curve edwards25519: its field, and the one sum that signatures are checked by
/// @dev -x² + y² = 1 + d·x²·y² over the field of p = 2^255 - 19 (RFC 7748, section 4.1). Points are in
/// extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z (RFC 8032, section 5.1.4).
library Edwards {
    /// @dev 2^255 - 19, as assembly takes it.
    uint256 internal constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    /// @dev The order of the base point (RFC 8032, section 5.1).
    uint256 internal constant L = 2 ** 252 + 27742317777372353535851937790883648493;
    uint256 internal constant D =
        37095705934669439343138083508754565189542113879843219016388785533085940283555;
    /// @dev 2·d, which sums take.
    uint256 internal constant D2 =
        16295367250680780974490674513165176452449235426866156013048779062215315747161;
    uint256 internal constant SQRT_M1 =
        19681161376707505956807079304988542015446066515923890162744021073123829784752;

    /// @dev The first fifteen multiples of the base point (RFC 8032, section 5.1), each as (y+x, y-x,
    /// 2d·x·y).
    bytes private constant BASE = hex"07cf9d3a33d4ba65270b4898643d42c2cf932dc6fb8c0e192fbc93c6f58c3b85"
        hex"44fd2f9298f81267a5c18434688f8a09fd399f05d140beb39d103905d740913e"
        hex"6f117b689f0c65a85a1b7dcbdd43598c26d9e823ccaac49eabc91205877aaa68"
        hex"590c063fa87d2e2e5aa69a65e1d607029f469d967a0ff5b59224e7fc933c71d7"
        hex"6bb595a669c92555e09e236bb16e37aa8f2b810c4e60acf68a99a56042b4d5a8"
        hex"701af5b13ea50b73500fa0840b3d6a3136c16bdd5d9acf7843faa8b3a59b7a5f"
        hex"7a164e1b9a80f8f4c11b50029f016732025a8430e8864b8aaf25b0a84cee9730"
        hex"2ab91587555bda628131f31a214bd6bd3bd353fde5c1ba7d56611fe8a4fcd265"
        hex"5a2826af12b9b4c6d170e5458cf2db4c589423221c35da6214ae933f0dd0d889"
        hex"680e910321e58727ca348d3dfb0a92656765c6f47dfd2538287351b98efc099f"
        hex"27933f4c7445a49ac3e8e3cd06a05073327e89715660faa995fe050a056818bf"
        hex"7f9d0cbf63553e2b5ddbdcf9102b44946e9e39457b5cc1725a13fbe9c476ff09"
        hex"2945ccf146e206ebdd1beb0c5abfec448d5048c3c75eed02a212bc4408a5bb33"
        hex"154a7e73eb1b55f3e33cf11cb864a087d50014d14b2729b77f9182c3a447d6ba"
        hex"43aabe696b3bb69ab41b670b1bbda72d270e0807d0bdd1fcbcbbdbf1812a8285"
        hex"51e57bb6a2cc38bd8065b668da59a7369b27158900c8af883a0ceeeb77157131"
        hex"38b64c41ae417884bb085ce7204553b9575be28427d22739499806b67b7d8ca4"
        hex"10b8e91a9f0d61e353e4a24b083bc144be70e00341a1bb0185ac326702ea4b71"
        hex"461bea69283c927e71b2528228542e497470353ab39dc0d26b1a5cd0944ea3bf"
        hex"1d6edd5d2e5317e09dea764f92192c3a6ca021533bba23a7ba6f2c9aaa3221b1"
        hex"7a9fbb1c6a0f90a7529c41ba5877adf3b3035f47053ea49af1836dc801b8b3a2"
        hex"0915e76061bce52fb1339c665ed9c3236cb30377e288702c59b7596604dd3e8f"
        hex"3a9024a1320e01c32c2741ac6e3c23fb963d7680e1b558f9e2a75dedf39234d9"
        hex"26907c5c2ecc4e95636412190eb62a32b8a371788bcca7d7e7c1f5d9c9a2911a"
        hex"34b9ed338add7f59ceb233c9c686f5b5a6509e6f51bc46c59b2e678aa6a8632f"
        hex"49c05a51fadc9c8f96cbc608e75eb04498a081b6f520419bf36e217e039d8064"
        hex"73c172021b008b06aaf6fc2993d4cf16e2ff83e8a719d22f06b4e8bf9045af1b"
        hex"43ac7628aae591ed0d5503639b55464645f534d41617e057ff1d93d2b360748e"
        hex"0353832c4950b70284739745f5dc395804f8183665a9f02f75f3558e227081dd"
        hex"0ec62af470bf4ce7ff169f0f6731b5091d0c1ccbd3f06340d03d2ae403d0f8d8"
        hex"4275aae2546d8faf113e847117703406e5d9fecf02302e272fbf00848a802ade"
        hex"18ab598029d5c77fa3a075556a8deb953ed6b36977088381315f5b0249864348"
        hex"3dc65522b53df94844311199b51a8622031eb4a13282e4a4d82b2cc5fd6089e9"
        hex"078aafde8d3cdd5845ecdd2e701a6f9388de3dd7d834d1a9e2358042a71e7539"
        hex"7956ece28a6022ed884dfb6e56d5dbdd23b2bf90ccb25b24856f8375b53d54b9"
        hex"37c6a5151c83d0c6ffcb589af4976461f66cda23a24e180beea594d87f944553"
        hex"234fd7eec346f241537a0e12fb07ba07bf84b39ab5bcdedbbf70c222a2007f6d"
        hex"0267882d176024a79d12b232aaad5968aefcebc99b776f6b506f013b327fbf93"
        hex"497ba6fdaa097863a2ef37f891a7e5332437e6b1df8dd4715360a119732ea378"
        hex"6eaf60b2464d16301a474c042881bdd580277fc057efa98726f870ec3f213df2"
        hex"2df0ea2c5b3c80d2112e56f16eec47a9ce69b20fdb7ca331dfdb8a44d4171280"
        hex"24bf7e3cd8ba9c939c1fdf703ecb1baaf02397eda2a9bf5496a1c5877a1e1b82"
        hex"61e22917f12de72b2dbdbdfac1f2d4d08648c28d189c246d24cecc0313cfeaa0"
        hex"43b5cd4218d05ebf7508300807b25192d3829ba42a9910d6040bcd86468ccf0b"
        hex"511d61210ae4d842032e5a7d93d64270eb38af4e373fdeee5d9a762f9bd0b516";

    struct Point {
        uint256 x;
        uint256 y;
        uint256 z;
        uint256 t;
    }

    /// @notice base^exponent in the field, by the precompile of EIP-198.
    function power(uint256 base, uint256 exponent) internal view returns (uint256 result) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 0x20)
            mstore(add(at, 0x20), 0x20)
            mstore(add(at, 0x40), 0x20)
            mstore(add(at, 0x60), base)
            mstore(add(at, 0x80), exponent)
            mstore(add(at, 0xa0), P)
            if iszero(staticcall(gas(), 5, at, 0xc0, at, 0x20)) { revert(0, 0) }
            result := mload(at)
        }
    }

    /// @notice √(u/v) in the field, and whether there is one; where there is none, √(i·u/v). The root is the
    /// even one (RFC 9496, section 4.2).
    function sqrtRatio(uint256 u, uint256 v) internal view returns (bool isSquare, uint256 root) {
        uint256 v3 = mulmod(mulmod(v, v, P), v, P);
        uint256 v7 = mulmod(mulmod(v3, v3, P), v, P);
        root = mulmod(mulmod(u, v3, P), power(mulmod(u, v7, P), (P - 5) / 8), P);
        uint256 check = mulmod(v, mulmod(root, root, P), P);
        uint256 negated = (P - u) % P;
        isSquare = check == u || check == negated;
        if (check == negated || check == mulmod(negated, SQRT_M1, P)) root = mulmod(root, SQRT_M1, P);
        root = absolute(root);
    }

    /// @notice The even one of a number and its negative.
    function absolute(uint256 a) internal pure returns (uint256) {
        return a & 1 == 0 ? a : P - a;
    }

    /// @notice A number whose 32 bytes stand the other way round.
    function reverse(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 m = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
            a = (a & m) << 8 | (a >> 8) & m;
            m = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
            a = (a & m) << 16 | (a >> 16) & m;
            m = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
            a = (a & m) << 32 | (a >> 32) & m;
            m = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
            a = (a & m) << 64 | (a >> 64) & m;
            return a << 128 | a >> 128;
        }
    }

    /// @notice low + 2^256·high, modulo the order of the base point.
    function scalar(uint256 low, uint256 high) internal pure returns (uint256) {
        // 2^256 modulo L.
        uint256 shift = addmod(type(uint256).max % L, 1, L);
        return addmod(low % L, mulmod(high, shift, L), L);
    }

    /// @notice s·B - k·A, for the base point B. Both numbers are less than 2^253.
    /// @dev Straus, "Addition chains of vectors" (1964): both are read four bits at a time, the highest
    /// first. Points to add lie in tables of (Y+X, Y-X, 2d·T, 2·Z), as in Hisil, Wong, Carter, Dawson,
    /// "Twisted Edwards curves revisited" (2008), section 3.1.
    function difference(uint256 s, uint256 k, uint256 ax, uint256 ay)
        internal
        pure
        returns (Point memory sum)
    {
        bytes memory base = BASE;
        uint256 other = _table(P - ax, ay);
        assembly ("memory-safe") {
            // Sums are written out, since a call of a function takes a third of what a doubling does.
            // Where the table would have the point itself times 0.
            let first := sub(base, 0x40)
            let x := 0
            let y := 1
            let z := 1
            let t := 0
            for { let shift := 256 } shift {} {
                shift := sub(shift, 4)
                if lt(shift, 252) {
                    // Twice itself four times; T, which sums take, the last time.
                    {
                        let a := mulmod(x, x, P)
                        let b := mulmod(y, y, P)
                        let h := add(a, b)
                        let e := add(x, y)
                        e := addmod(h, sub(P, mulmod(e, e, P)), P)
                        let g := add(a, sub(P, b))
                        let f := addmod(mulmod(z, add(z, z), P), g, P)
                        x := mulmod(e, f, P)
                        y := mulmod(g, h, P)
                        z := mulmod(f, g, P)
                    }
                    {
                        let a := mulmod(x, x, P)
                        let b := mulmod(y, y, P)
                        let h := add(a, b)
                        let e := add(x, y)
                        e := addmod(h, sub(P, mulmod(e, e, P)), P)
                        let g := add(a, sub(P, b))
                        let f := addmod(mulmod(z, add(z, z), P), g, P)
                        x := mulmod(e, f, P)
                        y := mulmod(g, h, P)
                        z := mulmod(f, g, P)
                    }
                    {
                        let a := mulmod(x, x, P)
                        let b := mulmod(y, y, P)
                        let h := add(a, b)
                        let e := add(x, y)
                        e := addmod(h, sub(P, mulmod(e, e, P)), P)
                        let g := add(a, sub(P, b))
                        let f := addmod(mulmod(z, add(z, z), P), g, P)
                        x := mulmod(e, f, P)
                        y := mulmod(g, h, P)
                        z := mulmod(f, g, P)
                    }
                    {
                        let a := mulmod(x, x, P)
                        let b := mulmod(y, y, P)
                        let h := add(a, b)
                        let e := add(x, y)
                        e := addmod(h, sub(P, mulmod(e, e, P)), P)
                        let g := add(a, sub(P, b))
                        let f := addmod(mulmod(z, add(z, z), P), g, P)
                        x := mulmod(e, f, P)
                        y := mulmod(g, h, P)
                        z := mulmod(f, g, P)
                        t := mulmod(e, h, P)
                    }
                }
                let digit := and(shr(shift, s), 15)
                if digit {
                    let entry := add(first, mul(0x60, digit))
                    let a := mulmod(add(y, sub(P, x)), mload(add(entry, 0x20)), P)
                    let b := mulmod(add(y, x), mload(entry), P)
                    let c := mulmod(t, mload(add(entry, 0x40)), P)
                    let d := add(z, z)
                    let e := add(b, sub(P, a))
                    let h := add(b, a)
                    let f := addmod(d, sub(P, c), P)
                    let g := addmod(d, c, P)
                    x := mulmod(e, f, P)
                    y := mulmod(g, h, P)
                    z := mulmod(f, g, P)
                    t := mulmod(e, h, P)
                }
                digit := and(shr(shift, k), 15)
                if digit {
                    let entry := add(other, shl(7, digit))
                    let a := mulmod(add(y, sub(P, x)), mload(add(entry, 0x20)), P)
                    let b := mulmod(add(y, x), mload(entry), P)
                    let c := mulmod(t, mload(add(entry, 0x40)), P)
                    let d := mulmod(z, mload(add(entry, 0x60)), P)
                    let e := add(b, sub(P, a))
                    let h := add(b, a)
                    let f := addmod(d, sub(P, c), P)
                    let g := addmod(d, c, P)
                    x := mulmod(e, f, P)
                    y := mulmod(g, h, P)
                    z := mulmod(f, g, P)
                    t := mulmod(e, h, P)
                }
            }
            mstore(sum, x)
            mstore(add(sum, 0x20), y)
            mstore(add(sum, 0x40), z)
            mstore(add(sum, 0x60), t)
        }
    }

    /// @dev The first fifteen multiples of a point, each 128 bytes; what is before the first is not read.
    function _table(uint256 x, uint256 y) private pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(0x40, add(table, 0x800))
        }
        Point memory sum = Point(x, y, 1, mulmod(x, y, P));
        uint256 first = table + 0x80;
        for (uint256 at = first; at < table + 0x800; at += 0x80) {
            if (at != first) _add(sum, first);
            uint256 t = mulmod(sum.t, D2, P);
            assembly ("memory-safe") {
                let p := P
                let a := mload(sum)
                let b := mload(add(sum, 0x20))
                let z := mload(add(sum, 0x40))
                mstore(at, addmod(b, a, p))
                mstore(add(at, 0x20), addmod(b, sub(p, a), p))
                mstore(add(at, 0x40), t)
                mstore(add(at, 0x60), addmod(z, z, p))
            }
        }
    }

    function _add(Point memory sum, uint256 entry) private pure {
        assembly ("memory-safe") {
            let p := P
            let x := mload(sum)
            let y := mload(add(sum, 0x20))
            let a := mulmod(add(y, sub(p, x)), mload(add(entry, 0x20)), p)
            let b := mulmod(add(y, x), mload(entry), p)
            let c := mulmod(mload(add(sum, 0x60)), mload(add(entry, 0x40)), p)
            let d := mulmod(mload(add(sum, 0x40)), mload(add(entry, 0x60)), p)
            let e := add(b, sub(p, a))
            let h := add(b, a)
            let f := add(d, sub(p, c))
            let g := add(d, c)
            mstore(sum, mulmod(e, f, p))
            mstore(add(sum, 0x20), mulmod(g, h, p))
            mstore(add(sum, 0x40), mulmod(f, g, p))
            mstore(add(sum, 0x60), mulmod(e, h, p))
        }
    }
}
