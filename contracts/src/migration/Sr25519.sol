// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Edwards} from "./Edwards.sol";
import {Keccak} from "./Keccak.sol";
import {Ristretto} from "./Ristretto.sol";

/// @title sr25519, the signatures of Substrate's wallets
/// @dev Schnorr's signatures over ristretto255, with a challenge from a transcript of Merlin, as schnorrkel
/// makes them (w3f/schnorrkel 0.11, `sign.rs`) in the signing context "substrate". Merlin is STROBE-128
/// (STROBE 1.0.2, section 6) over Keccak-f[1600]: what is absorbed goes into blocks of 166 bytes, and two of
/// padding end each.
library Sr25519 {
    uint256 private constant RATE = 166;
    uint256 private constant BLOCK = 168;
    /// @dev Flags of STROBE's operations.
    uint256 private constant META_AD = 18;
    uint256 private constant AD = 2;
    uint256 private constant PRF = 7;

    /// @dev By which a lane is put into a word twice, as `Keccak` has it.
    uint256 private constant TWICE = 0x10000000000000001;
    /// @dev The second of a word's four lanes.
    uint256 private constant MIDDLE = 0xffffffffffffffff0000000000000000;
    /// @dev Every other byte, pair of bytes, and four bytes.
    uint256 private constant EIGHTS = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant SIXTEENTHS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant THIRTY_SECONDS =
        0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    /// @dev The lanes once "SigningContext" and "substrate" are absorbed, which all messages begin with.
    bytes private constant BEGINNING = hex"b43c918aea5b7f9c072764650d0dd10af62865302f6a61b312d205a220e43b73"
        hex"779d60096d0f71ba9413ee08306c3efa60475ed489396d09f6ac24a6e8f7b8f2"
        hex"fbbb22e39500b6e17dfe9569b2e545c89858ffd17413847c7372066b63e02ec9"
        hex"53030739602ac92105b0b7921bbbcc49887ebcce7fa88f7e34bc04ae45cb6f65"
        hex"5017d979beaebeca4d5066b913bfe8c06588dd6572594313d5209bcc0914f9ad"
        hex"99b6971f044474f4d07ba81ee9defbdde9965aa72db0f89b6e4ebb655b7ff047" hex"f6fbd9bf6aa1fafe";
    uint256 private constant BEGINNING_POSITION = 59;
    uint256 private constant BEGINNING_BEGUN = 49;

    struct Transcript {
        uint256[25] lanes;
        /// @dev The block that is being filled, and a word more, so that whole words are read.
        bytes pending;
        uint256 position;
        /// @dev One more than where in it the operation at work began; 0 if in a block before.
        uint256 begun;
    }

    /// @notice Whether (r, s) is a signature over `message` by `key`. False too for what no wallet makes: a
    /// key that stands for no point or for the neutral one, which everybody can sign for, an s that isn't
    /// less than the group's order, or one without schnorrkel's mark (bit 255).
    function verify(bytes memory message, bytes32 key, bytes32 r, bytes32 s) internal view returns (bool) {
        uint256 number = Edwards.reverse(uint256(s));
        if (number >> 255 == 0) return false;
        number &= 2 ** 255 - 1;
        if (number >= Edwards.L) return false;
        (bool isPoint, uint256 x, uint256 y) = Ristretto.decode(key);
        if (!isPoint || key == 0) return false;
        return Ristretto.encode(Edwards.difference(number, challenge(message, key, r), x, y)) == r;
    }

    /// @dev What s·B - k·A = R is asked with.
    function challenge(bytes memory message, bytes32 key, bytes32 r) internal pure returns (uint256) {
        Transcript memory transcript = _begin();
        uint256 length = message.length;
        // Each operation is followed by what it absorbs; a label by the length of what it names.
        _operate(transcript, META_AD);
        _absorb(transcript, "sign-bytes");
        _absorb(transcript, bytes.concat(bytes1(uint8(length)), bytes1(uint8(length >> 8)), bytes2(0)));
        _operate(transcript, AD);
        _absorb(transcript, message);
        _operate(transcript, META_AD);
        _absorb(transcript, "proto-name\x0b\x00\x00\x00");
        _operate(transcript, AD);
        _absorb(transcript, "Schnorr-sig");
        _operate(transcript, META_AD);
        _absorb(transcript, "sign:pk\x20\x00\x00\x00");
        _operate(transcript, AD);
        _absorb(transcript, bytes.concat(key));
        _operate(transcript, META_AD);
        _absorb(transcript, "sign:R\x20\x00\x00\x00");
        _operate(transcript, AD);
        _absorb(transcript, bytes.concat(r));
        _operate(transcript, META_AD);
        _absorb(transcript, "sign:c\x40\x00\x00\x00");
        _operate(transcript, PRF);
        if (transcript.position != 0) _mix(transcript);
        uint256[25] memory lanes = transcript.lanes;
        // Lanes have their first byte lowest, as the scalar has.
        return Edwards.scalar(_join(lanes, 0), _join(lanes, 4));
    }

    function _join(uint256[25] memory lanes, uint256 at) private pure returns (uint256) {
        return uint64(lanes[at]) | lanes[at + 1] << 64 & MIDDLE | lanes[at + 2] << 128 & MIDDLE << 64
            | lanes[at + 3] << 192;
    }

    function _begin() private pure returns (Transcript memory transcript) {
        bytes memory beginning = BEGINNING;
        uint256[25] memory lanes = transcript.lanes;
        assembly ("memory-safe") {
            let from := add(beginning, 0x20)
            for { let end := add(lanes, 0x320) } lt(lanes, end) { lanes := add(lanes, 0x20) } {
                mstore(lanes, mul(shr(192, mload(from)), TWICE))
                from := add(from, 8)
            }
        }
        transcript.pending = new bytes(192);
        transcript.position = BEGINNING_POSITION;
        transcript.begun = BEGINNING_BEGUN;
    }

    function _operate(Transcript memory transcript, uint256 flags) private pure {
        uint256 before = transcript.begun;
        transcript.begun = transcript.position + 1;
        _put(transcript, before);
        _put(transcript, flags);
    }

    /// @dev Absorbs one byte.
    function _put(Transcript memory transcript, uint256 value) private pure {
        uint256 position = transcript.position;
        bytes memory pending = transcript.pending;
        assembly ("memory-safe") {
            mstore8(add(add(pending, 0x20), position), value)
        }
        transcript.position = ++position;
        if (position == RATE) _mix(transcript);
    }

    function _absorb(Transcript memory transcript, bytes memory data) private pure {
        uint256 left = data.length;
        uint256 from;
        assembly ("memory-safe") {
            from := add(data, 0x20)
        }
        while (left > 0) {
            uint256 position = transcript.position;
            uint256 count = left < RATE - position ? left : RATE - position;
            bytes memory pending = transcript.pending;
            assembly ("memory-safe") {
                mcopy(add(add(pending, 0x20), position), from, count)
                from := add(from, count)
            }
            left -= count;
            transcript.position = position + count;
            if (position + count == RATE) _mix(transcript);
        }
    }

    /// @dev Ends the block, and permutes the state with it.
    function _mix(Transcript memory transcript) private pure {
        uint256 position = transcript.position;
        uint256 begun = transcript.begun;
        bytes memory pending = transcript.pending;
        uint256[25] memory lanes = transcript.lanes;
        assembly ("memory-safe") {
            let first := add(pending, 0x20)
            mstore8(add(first, position), begun)
            mstore8(add(first, add(position, 1)), 0x04)
            let last := add(first, sub(BLOCK, 1))
            mstore8(last, xor(0x80, byte(0, mload(last))))
            let lane := lanes
            // Bytes of four lanes at a time, each turned round; of the last word the first lane's alone.
            for { let end := add(first, BLOCK) } lt(first, end) { first := add(first, 0x20) } {
                let word := mload(first)
                mstore(first, 0)
                word := or(and(shr(8, word), EIGHTS), shl(8, and(word, EIGHTS)))
                word := or(and(shr(16, word), SIXTEENTHS), shl(16, and(word, SIXTEENTHS)))
                word := or(and(shr(32, word), THIRTY_SECONDS), shl(32, and(word, THIRTY_SECONDS)))
                for { let past := add(lane, 0x80) } lt(lane, past) { lane := add(lane, 0x20) } {
                    mstore(lane, xor(mload(lane), mul(shr(192, word), TWICE)))
                    word := shl(64, word)
                }
            }
        }
        Keccak.permute(lanes);
        transcript.position = 0;
        transcript.begun = 0;
    }
}
