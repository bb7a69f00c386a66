// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBallots} from "../../interfaces/IBallots.sol";

/// @title VoteMessage: the digest of a vote in Snapshot's format
/// @dev Domain and types as in `@snapshot-labs/snapshot.js` 0.17.5, src/sign (EIP-712). There is neither
/// chain nor contract in the domain: the ballot's id has both.
library VoteMessage {
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

    /// @dev The type of a kind's votes.
    function typeOf(IBallots.Kind kind) internal pure returns (bytes32) {
        if (kind == IBallots.Kind.Weighted) return TEXT;
        return kind == IBallots.Kind.Approval || kind == IBallots.Kind.Ranked ? NUMBERS : NUMBER;
    }

    /// @dev What EIP-712 makes of a row's choice.
    function choiceWord(IBallots.Kind kind, bytes calldata choice) internal pure returns (bytes32) {
        if (kind == IBallots.Kind.Weighted) return keccak256(choice);
        if (kind == IBallots.Kind.Basic || kind == IBallots.Kind.Single) {
            return bytes32(uint256(uint32(bytes4(choice))));
        }
        bytes32[] memory words = new bytes32[](choice.length / 4);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = bytes32(uint256(uint32(bytes4(choice[4 * i:]))));
        }
        return keccak256(abi.encodePacked(words));
    }

    /// @dev The digest that is signed. `space` and `proposal`: hashes of those texts.
    function digest(
        bytes32 voteType,
        bytes32 space,
        bytes32 proposal,
        bytes32 choice,
        IBallots.Row calldata row
    ) internal pure returns (bytes32) {
        bytes32 reason = row.reasonHash;
        bytes32 app = row.appHash;
        bytes32 metadata = row.metadataHash;
        bytes32 message = keccak256(
            abi.encode(
                voteType,
                row.fromHash,
                space,
                row.timestamp,
                proposal,
                choice,
                reason == 0 ? NO_TEXT : reason,
                app == 0 ? NO_TEXT : app,
                metadata == 0 ? NO_METADATA : metadata
            )
        );
        return keccak256(abi.encodePacked(hex"1901", DOMAIN, message));
    }
}
