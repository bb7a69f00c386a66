// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SHA-512 (FIPS 180-4, section 6.4)
library Sha512 {
    /// @dev Constants of the 80 rounds (section 4.2.3).
    bytes private constant ROUNDS = hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc"
        hex"3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118"
        hex"d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
        hex"72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694"
        hex"e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65"
        hex"2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4"
        hex"c6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70"
        hex"27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
        hex"650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
        hex"a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30"
        hex"d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8"
        hex"391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3"
        hex"748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
        hex"90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b"
        hex"ca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed178"
        hex"06f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c"
        hex"4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817";

    /// @dev The initial hash (section 5.3.5), two words of four numbers.
    uint256 private constant FIRST_HIGH = 0x6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1;
    uint256 private constant FIRST_LOW = 0x510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179;

    /// @notice The 64 bytes of the hash, as two words.
    function hash(bytes memory data) internal pure returns (uint256 high, uint256 low) {
        bytes memory padded = _pad(data);
        bytes memory rounds = ROUNDS;
        uint256[80] memory schedule;
        (high, low) = (FIRST_HIGH, FIRST_LOW);
        for (uint256 at = 0; at < padded.length; at += 128) {
            _schedule(padded, at, schedule);
            (uint256 nextHigh, uint256 nextLow) = _compress(high, low, schedule, rounds);
            (high, low) = (_add(high, nextHigh), _add(low, nextLow));
        }
    }

    /// @dev A one, zeros, and the length in bits, up to whole blocks (section 5.1.2).
    function _pad(bytes memory data) private pure returns (bytes memory padded) {
        padded = bytes.concat(
            data, hex"80", new bytes((239 - data.length % 128) % 128), bytes16(uint128(data.length * 8))
        );
    }

    /// @dev Four sums of 64 bits.
    function _add(uint256 a, uint256 b) private pure returns (uint256 sum) {
        for (uint256 shift = 0; shift < 256; shift += 64) {
            sum |= ((a >> shift & type(uint64).max) + (b >> shift & type(uint64).max) & type(uint64).max)
                << shift;
        }
    }

    function _schedule(bytes memory padded, uint256 at, uint256[80] memory schedule) private pure {
        assembly ("memory-safe") {
            let from := add(add(padded, 0x20), at)
            for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                mstore(add(schedule, shl(5, i)), shr(192, mload(add(from, shl(3, i)))))
            }
            for { let to := add(schedule, 0x200) } lt(to, add(schedule, 0xa00)) { to := add(to, 0x20) } {
                // Twice in a row, a number is rotated by a shift; what is above 64 bits is cut off at the
                // end.
                let x := mload(sub(to, 0x1e0))
                let twice := mul(x, 0x10000000000000001)
                let sum := xor(xor(shr(1, twice), shr(8, twice)), shr(7, x))
                x := mload(sub(to, 0x40))
                twice := mul(x, 0x10000000000000001)
                sum := add(and(sum, 0xffffffffffffffff), xor(xor(shr(19, twice), shr(61, twice)), shr(6, x)))
                sum := add(sum, add(mload(sub(to, 0x200)), mload(sub(to, 0xe0))))
                mstore(to, and(sum, 0xffffffffffffffff))
            }
        }
    }

    function _compress(uint256 high, uint256 low, uint256[80] memory schedule, bytes memory rounds)
        private
        pure
        returns (uint256 nextHigh, uint256 nextLow)
    {
        assembly ("memory-safe") {
            let a := shr(192, high)
            let b := and(shr(128, high), 0xffffffffffffffff)
            let c := and(shr(64, high), 0xffffffffffffffff)
            let d := and(high, 0xffffffffffffffff)
            let e := shr(192, low)
            let f := and(shr(128, low), 0xffffffffffffffff)
            let g := and(shr(64, low), 0xffffffffffffffff)
            let h := and(low, 0xffffffffffffffff)
            // Eight rounds at a time: then each number has its name again.
            for { let i := 0 } lt(i, 0xa00) { i := add(i, 0x100) } {
                let from := add(schedule, i)
                let constants := add(add(rounds, 0x20), shr(2, i))
                let twice := 0
                h := add(h, add(mload(from), shr(192, mload(constants))))
                twice := mul(e, 0x10000000000000001)
                h := add(h, xor(g, and(e, xor(f, g))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                h := add(h, and(twice, 0xffffffffffffffff))
                d := and(add(d, h), 0xffffffffffffffff)
                twice := mul(a, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                h := add(add(h, and(twice, 0xffffffffffffffff)), xor(and(a, b), and(c, xor(a, b))))
                h := and(h, 0xffffffffffffffff)
                g := add(g, add(mload(add(from, 0x20)), shr(192, mload(add(constants, 0x8)))))
                twice := mul(d, 0x10000000000000001)
                g := add(g, xor(f, and(d, xor(e, f))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                g := add(g, and(twice, 0xffffffffffffffff))
                c := and(add(c, g), 0xffffffffffffffff)
                twice := mul(h, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                g := add(add(g, and(twice, 0xffffffffffffffff)), xor(and(h, a), and(b, xor(h, a))))
                g := and(g, 0xffffffffffffffff)
                f := add(f, add(mload(add(from, 0x40)), shr(192, mload(add(constants, 0x10)))))
                twice := mul(c, 0x10000000000000001)
                f := add(f, xor(e, and(c, xor(d, e))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                f := add(f, and(twice, 0xffffffffffffffff))
                b := and(add(b, f), 0xffffffffffffffff)
                twice := mul(g, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                f := add(add(f, and(twice, 0xffffffffffffffff)), xor(and(g, h), and(a, xor(g, h))))
                f := and(f, 0xffffffffffffffff)
                e := add(e, add(mload(add(from, 0x60)), shr(192, mload(add(constants, 0x18)))))
                twice := mul(b, 0x10000000000000001)
                e := add(e, xor(d, and(b, xor(c, d))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                e := add(e, and(twice, 0xffffffffffffffff))
                a := and(add(a, e), 0xffffffffffffffff)
                twice := mul(f, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                e := add(add(e, and(twice, 0xffffffffffffffff)), xor(and(f, g), and(h, xor(f, g))))
                e := and(e, 0xffffffffffffffff)
                d := add(d, add(mload(add(from, 0x80)), shr(192, mload(add(constants, 0x20)))))
                twice := mul(a, 0x10000000000000001)
                d := add(d, xor(c, and(a, xor(b, c))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                d := add(d, and(twice, 0xffffffffffffffff))
                h := and(add(h, d), 0xffffffffffffffff)
                twice := mul(e, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                d := add(add(d, and(twice, 0xffffffffffffffff)), xor(and(e, f), and(g, xor(e, f))))
                d := and(d, 0xffffffffffffffff)
                c := add(c, add(mload(add(from, 0xa0)), shr(192, mload(add(constants, 0x28)))))
                twice := mul(h, 0x10000000000000001)
                c := add(c, xor(b, and(h, xor(a, b))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                c := add(c, and(twice, 0xffffffffffffffff))
                g := and(add(g, c), 0xffffffffffffffff)
                twice := mul(d, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                c := add(add(c, and(twice, 0xffffffffffffffff)), xor(and(d, e), and(f, xor(d, e))))
                c := and(c, 0xffffffffffffffff)
                b := add(b, add(mload(add(from, 0xc0)), shr(192, mload(add(constants, 0x30)))))
                twice := mul(g, 0x10000000000000001)
                b := add(b, xor(a, and(g, xor(h, a))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                b := add(b, and(twice, 0xffffffffffffffff))
                f := and(add(f, b), 0xffffffffffffffff)
                twice := mul(c, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                b := add(add(b, and(twice, 0xffffffffffffffff)), xor(and(c, d), and(e, xor(c, d))))
                b := and(b, 0xffffffffffffffff)
                a := add(a, add(mload(add(from, 0xe0)), shr(192, mload(add(constants, 0x38)))))
                twice := mul(f, 0x10000000000000001)
                a := add(a, xor(h, and(f, xor(g, h))))
                twice := xor(xor(shr(14, twice), shr(18, twice)), shr(41, twice))
                a := add(a, and(twice, 0xffffffffffffffff))
                e := and(add(e, a), 0xffffffffffffffff)
                twice := mul(b, 0x10000000000000001)
                twice := xor(xor(shr(28, twice), shr(34, twice)), shr(39, twice))
                a := add(add(a, and(twice, 0xffffffffffffffff)), xor(and(b, c), and(d, xor(b, c))))
                a := and(a, 0xffffffffffffffff)
            }
            nextHigh := or(or(shl(192, a), shl(128, b)), or(shl(64, c), d))
            nextLow := or(or(shl(192, e), shl(128, f)), or(shl(64, g), h))
        }
    }
}
