// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";

/// @title VoteMessage: the digest of a vote in Snapshot's format
/// @dev Domain and types as in `@snapshot-labs/snapshot.js` 0.17.5, src/sign (EIP-712). There is neither
/// chain nor contract in the domain: the ballot's id has both.
library VoteMessage {
    /// @dev What is hashed, as it lies in memory: a vote's nine words (EIP-712, `hashStruct`), and then what
    /// is signed. Texts and lists of numbers are their hashes.
    struct Message {
        bytes32 voteType;
        bytes32 from;
        bytes32 space;
        uint256 timestamp;
        bytes32 proposal;
        bytes32 choice;
        bytes32 reason;
        bytes32 app;
        bytes32 metadata;
        /// 0x1901, which `domain` and `vote` follow.
        uint256 prefix;
        bytes32 domain;
        bytes32 vote;
    }

    /// @dev EIP712Domain(string name,string version), "snapshot", "0.1.4".
    bytes32 private constant DOMAIN = 0x484fce18f892e8535a4b6700e197a8026f4213f809d23ae117da03b497e18670;
    bytes32 private constant NUMBER = keccak256(
        "Vote(string from,string space,uint64 timestamp,string proposal,uint32 choice,string reason,string app,string metadata)"
    );
    bytes32 private constant NUMBERS = keccak256(
        "Vote(string from,string space,uint64 timestamp,string proposal,uint32[] choice,string reason,string app,string metadata)"
    );
    bytes32 private constant TEXT = keccak256(
        "Vote(string from,string space,uint64 timestamp,string proposal,string choice,string reason,string app,string metadata)"
    );
    bytes32 private constant NO_TEXT = keccak256("");
    bytes32 private constant NO_METADATA = keccak256("{}");

    /// @dev A message of a kind's votes without reason, app and metadata, which are "", "" and "{}" then.
    /// `space` and `proposal`: hashes of those texts.
    function begin(IBallots.Kind kind, bytes32 space, bytes32 proposal)
        internal
        pure
        returns (Message memory message)
    {
        message.voteType = typeOf(kind);
        (message.space, message.proposal) = (space, proposal);
        (message.reason, message.app, message.metadata) = (NO_TEXT, NO_TEXT, NO_METADATA);
        (message.prefix, message.domain) = (0x1901, DOMAIN);
    }

    /// @dev The digest that is signed.
    function digest(Message memory message) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(add(message, 0x160), keccak256(message, 0x120))
            hash := keccak256(add(message, 0x13e), 0x42)
        }
    }

    /// @dev The type of a kind's votes.
    function typeOf(IBallots.Kind kind) internal pure returns (bytes32) {
        if (kind == IBallots.Kind.Weighted) return TEXT;
        return kind == IBallots.Kind.Approval || kind == IBallots.Kind.Ranked ? NUMBERS : NUMBER;
    }
}
