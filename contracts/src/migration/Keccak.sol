// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The permutation Keccak-f[1600] (FIPS 202, section 3.3)
/// @dev The chain's own KECCAK256 gives a hash alone; transcripts of signatures take the permutation.
library Keccak {
    /// @dev The constants of the 24 rounds, eight bytes each (step ι, section 3.2.5), and a zero behind them.
    bytes private constant ROUNDS = hex"00000000000000010000000000008082800000000000808a8000000080008000"
        hex"000000000000808b000000008000000180000000800080818000000000008009"
        hex"000000000000008a00000000000000880000000080008009000000008000000a"
        hex"000000008000808b800000000000008b80000000000080898000000000008003"
        hex"80000000000080028000000000000080000000000000800a800000008000000a"
        hex"8000000080008081800000000000808000000000800000018000000080008008" hex"0000000000000000";

    /// @notice Permutes a state of 25 lanes, lane x + 5·y a word of its own, in place. A lane's number has
    /// its first byte lowest, and stands in its word twice, the one above the other: a shift of that rotates
    /// it.
    function permute(uint256[25] memory state) internal pure {
        bytes memory rounds = ROUNDS;
        assembly ("memory-safe") {
            let from := state
            let to := mload(0x40)
            let d0
            let d1
            let d2
            let d3
            let d4
            for { let round := add(rounds, 0x20) } shr(192, mload(round)) { round := add(round, 8) } {
                // θ: what each column is changed by.
                {
                    let c0 := xor(mload(from), xor(mload(add(from, 0xa0)), mload(add(from, 0x140))))
                    c0 := xor(c0, xor(mload(add(from, 0x1e0)), mload(add(from, 0x280))))
                    let c1 :=
                        xor(mload(add(from, 0x20)), xor(mload(add(from, 0xc0)), mload(add(from, 0x160))))
                    c1 := xor(c1, xor(mload(add(from, 0x200)), mload(add(from, 0x2a0))))
                    let c2 :=
                        xor(mload(add(from, 0x40)), xor(mload(add(from, 0xe0)), mload(add(from, 0x180))))
                    c2 := xor(c2, xor(mload(add(from, 0x220)), mload(add(from, 0x2c0))))
                    let c3 :=
                        xor(mload(add(from, 0x60)), xor(mload(add(from, 0x100)), mload(add(from, 0x1a0))))
                    c3 := xor(c3, xor(mload(add(from, 0x240)), mload(add(from, 0x2e0))))
                    let c4 :=
                        xor(mload(add(from, 0x80)), xor(mload(add(from, 0x120)), mload(add(from, 0x1c0))))
                    c4 := xor(c4, xor(mload(add(from, 0x260)), mload(add(from, 0x300))))
                    d0 := xor(c4, mul(and(shr(63, c1), 0xffffffffffffffff), 0x10000000000000001))
                    d1 := xor(c0, mul(and(shr(63, c2), 0xffffffffffffffff), 0x10000000000000001))
                    d2 := xor(c1, mul(and(shr(63, c3), 0xffffffffffffffff), 0x10000000000000001))
                    d3 := xor(c2, mul(and(shr(63, c4), 0xffffffffffffffff), 0x10000000000000001))
                    d4 := xor(c3, mul(and(shr(63, c0), 0xffffffffffffffff), 0x10000000000000001))
                }
                // ρ, π and χ, a row of the new state at a time; ι with the first lane.
                let b0 := and(xor(mload(from), d0), 0xffffffffffffffff)
                let b1 := and(shr(20, xor(mload(add(from, 0xc0)), d1)), 0xffffffffffffffff)
                let b2 := and(shr(21, xor(mload(add(from, 0x180)), d2)), 0xffffffffffffffff)
                let b3 := and(shr(43, xor(mload(add(from, 0x240)), d3)), 0xffffffffffffffff)
                let b4 := and(shr(50, xor(mload(add(from, 0x300)), d4)), 0xffffffffffffffff)
                mstore(to, mul(xor(xor(b0, and(not(b1), b2)), shr(192, mload(round))), 0x10000000000000001))
                mstore(add(to, 0x20), mul(xor(b1, and(not(b2), b3)), 0x10000000000000001))
                mstore(add(to, 0x40), mul(xor(b2, and(not(b3), b4)), 0x10000000000000001))
                mstore(add(to, 0x60), mul(xor(b3, and(not(b4), b0)), 0x10000000000000001))
                mstore(add(to, 0x80), mul(xor(b4, and(not(b0), b1)), 0x10000000000000001))
                b0 := and(shr(36, xor(mload(add(from, 0x60)), d3)), 0xffffffffffffffff)
                b1 := and(shr(44, xor(mload(add(from, 0x120)), d4)), 0xffffffffffffffff)
                b2 := and(shr(61, xor(mload(add(from, 0x140)), d0)), 0xffffffffffffffff)
                b3 := and(shr(19, xor(mload(add(from, 0x200)), d1)), 0xffffffffffffffff)
                b4 := and(shr(3, xor(mload(add(from, 0x2c0)), d2)), 0xffffffffffffffff)
                mstore(add(to, 0xa0), mul(xor(b0, and(not(b1), b2)), 0x10000000000000001))
                mstore(add(to, 0xc0), mul(xor(b1, and(not(b2), b3)), 0x10000000000000001))
                mstore(add(to, 0xe0), mul(xor(b2, and(not(b3), b4)), 0x10000000000000001))
                mstore(add(to, 0x100), mul(xor(b3, and(not(b4), b0)), 0x10000000000000001))
                mstore(add(to, 0x120), mul(xor(b4, and(not(b0), b1)), 0x10000000000000001))
                b0 := and(shr(63, xor(mload(add(from, 0x20)), d1)), 0xffffffffffffffff)
                b1 := and(shr(58, xor(mload(add(from, 0xe0)), d2)), 0xffffffffffffffff)
                b2 := and(shr(39, xor(mload(add(from, 0x1a0)), d3)), 0xffffffffffffffff)
                b3 := and(shr(56, xor(mload(add(from, 0x260)), d4)), 0xffffffffffffffff)
                b4 := and(shr(46, xor(mload(add(from, 0x280)), d0)), 0xffffffffffffffff)
                mstore(add(to, 0x140), mul(xor(b0, and(not(b1), b2)), 0x10000000000000001))
                mstore(add(to, 0x160), mul(xor(b1, and(not(b2), b3)), 0x10000000000000001))
                mstore(add(to, 0x180), mul(xor(b2, and(not(b3), b4)), 0x10000000000000001))
                mstore(add(to, 0x1a0), mul(xor(b3, and(not(b4), b0)), 0x10000000000000001))
                mstore(add(to, 0x1c0), mul(xor(b4, and(not(b0), b1)), 0x10000000000000001))
                b0 := and(shr(37, xor(mload(add(from, 0x80)), d4)), 0xffffffffffffffff)
                b1 := and(shr(28, xor(mload(add(from, 0xa0)), d0)), 0xffffffffffffffff)
                b2 := and(shr(54, xor(mload(add(from, 0x160)), d1)), 0xffffffffffffffff)
                b3 := and(shr(49, xor(mload(add(from, 0x220)), d2)), 0xffffffffffffffff)
                b4 := and(shr(8, xor(mload(add(from, 0x2e0)), d3)), 0xffffffffffffffff)
                mstore(add(to, 0x1e0), mul(xor(b0, and(not(b1), b2)), 0x10000000000000001))
                mstore(add(to, 0x200), mul(xor(b1, and(not(b2), b3)), 0x10000000000000001))
                mstore(add(to, 0x220), mul(xor(b2, and(not(b3), b4)), 0x10000000000000001))
                mstore(add(to, 0x240), mul(xor(b3, and(not(b4), b0)), 0x10000000000000001))
                mstore(add(to, 0x260), mul(xor(b4, and(not(b0), b1)), 0x10000000000000001))
                b0 := and(shr(2, xor(mload(add(from, 0x40)), d2)), 0xffffffffffffffff)
                b1 := and(shr(9, xor(mload(add(from, 0x100)), d3)), 0xffffffffffffffff)
                b2 := and(shr(25, xor(mload(add(from, 0x1c0)), d4)), 0xffffffffffffffff)
                b3 := and(shr(23, xor(mload(add(from, 0x1e0)), d0)), 0xffffffffffffffff)
                b4 := and(shr(62, xor(mload(add(from, 0x2a0)), d1)), 0xffffffffffffffff)
                mstore(add(to, 0x280), mul(xor(b0, and(not(b1), b2)), 0x10000000000000001))
                mstore(add(to, 0x2a0), mul(xor(b1, and(not(b2), b3)), 0x10000000000000001))
                mstore(add(to, 0x2c0), mul(xor(b2, and(not(b3), b4)), 0x10000000000000001))
                mstore(add(to, 0x2e0), mul(xor(b3, and(not(b4), b0)), 0x10000000000000001))
                mstore(add(to, 0x300), mul(xor(b4, and(not(b0), b1)), 0x10000000000000001))
                let last := from
                from := to
                to := last
            }
        }
    }
}
