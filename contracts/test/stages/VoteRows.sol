// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VoteMessage} from "../../src/governance/ballots/VoteMessage.sol";
import {IBallots} from "../../src/interfaces/IBallots.sol";
import {Hex} from "../../src/migration/Hex.sol";

/// @dev A vote as it was signed, with the texts by their hashes; 0 stands for "", "" and "{}".
struct Row {
    bytes32 r;
    bytes32 s;
    uint8 v;
    uint64 timestamp;
    uint32 parts;
    bytes choice;
    bytes32 fromHash;
    bytes32 reasonHash;
    bytes32 appHash;
    bytes32 metadataHash;
    /// Said to have its stake in the pool that a row before was about last.
    bool isInLastPool;
}

/// @dev Rows as `IBallots.post` takes them. What a row has of the one before isn't written again.
function packRows(Row[] memory rows) pure returns (bytes memory packed) {
    bytes32[3] memory texts = [keccak256(""), keccak256(""), keccak256("{}")];
    for (uint256 i; i < rows.length; ++i) {
        packed = bytes.concat(packed, packRow(rows[i], texts));
    }
}

/// @dev One of them, behind one with those texts.
function packRow(Row memory row, bytes32[3] memory before) pure returns (bytes memory) {
    bytes32[3] memory texts = textsOf(row);
    uint8 bits = row.isInLastPool ? 8 : 0;
    bytes memory following;
    for (uint256 i; i < 3; ++i) {
        if (texts[i] == before[i]) continue;
        bits |= uint8(1 << i);
        following = bytes.concat(following, texts[i]);
        before[i] = texts[i];
    }
    uint256 s = uint256(row.s) | uint256(row.v - 27) << 255;
    uint16 length = uint16(row.choice.length);
    return bytes.concat(
        abi.encodePacked(row.r, s, row.fromHash, uint32(row.timestamp), row.parts, bits, length, row.choice),
        following
    );
}

function textsOf(Row memory row) pure returns (bytes32[3] memory) {
    return [
        row.reasonHash == 0 ? keccak256("") : row.reasonHash,
        row.appHash == 0 ? keccak256("") : row.appHash,
        row.metadataHash == 0 ? keccak256("{}") : row.metadataHash
    ];
}

/// @dev What has to be signed.
function digestOf(IBallots.Kind kind, string memory space, bytes32 id, Row memory row)
    pure
    returns (bytes32)
{
    VoteMessage.Message memory message =
        VoteMessage.begin(kind, keccak256(bytes(space)), keccak256(Hex.ofWord(id)));
    (message.from, message.timestamp, message.choice) = (row.fromHash, row.timestamp, signedChoice(kind, row));
    bytes32[3] memory texts = textsOf(row);
    (message.reason, message.app, message.metadata) = (texts[0], texts[1], texts[2]);
    return VoteMessage.digest(message);
}

function signedChoice(IBallots.Kind kind, Row memory row) pure returns (bytes32) {
    bytes memory choice = row.choice;
    if (kind == IBallots.Kind.Weighted) return keccak256(choice);
    if (kind <= IBallots.Kind.Single) return bytes32(uint256(uint32(bytes4(choice))));
    bytes memory words;
    for (uint256 i; i < choice.length; i += 4) {
        words = bytes.concat(words, bytes28(0), choice[i], choice[i + 1], choice[i + 2], choice[i + 3]);
    }
    return keccak256(words);
}
