// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Choices} from "../../../src/governance/ballots/Choices.sol";
import {Rows} from "../../../src/governance/ballots/Rows.sol";
import {VoteMessage} from "../../../src/governance/ballots/VoteMessage.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {Hex} from "../../../src/migration/Hex.sol";
import {vm} from "../../Vm.sol";
import {Row, packRows} from "../../stages/VoteRows.sol";

/// @dev Digests and signatures that viem made (`signTypedData`) with the types of Snapshot's
/// snapshot.js 0.17.5, src/sign/types.ts: voteTypes, voteArrayTypes and voteStringTypes.
contract VoteMessageTest {
    bool public constant IS_TEST = true;
    bytes32 private constant FROM = keccak256("0x123ABAF7a75FE084F7F5Bf8dd7e3e6D9E6027B3b");
    address private constant SIGNER = 0x123ABAF7a75FE084F7F5Bf8dd7e3e6D9E6027B3b;

    function test_a_number_is_signed_as_in_snapshot() public view {
        Row memory row;
        row.choice = hex"00000002";
        (row.r, row.s, row.v) =
        (
            0xcae5ee2d1efb3dc1e49f8e14bf91cb9f199bb12b83d48bf931b427790b07551f,
            0x6fba03a9972fa7d445167bd04b14febced2ecf3bf4604e9ff45d501b6636c83c,
            27
        );
        check(IBallots.Kind.Basic, row, 0x09eb0d221faaf4cd9f220a9a2b8797455c20863e5a881c760b47bef2d8be91da);
    }

    function test_numbers_are_signed_as_in_snapshot() public view {
        Row memory row;
        row.choice = hex"0000000300000001";
        (row.reasonHash, row.appHash) = (keccak256("because"), keccak256("snapshot"));
        (row.r, row.s, row.v) =
        (
            0x90c8bf7ef21130e5bcca426b0bf5ebe0c2a30d9461b1367476aac9da1cc99b89,
            0x52a8cf76b2594054dff71b0e11ac2c230a0f3631cfabac6cdef73ebcc12821e8,
            28
        );
        check(IBallots.Kind.Approval, row, 0xea6b2420c872b4c7c2198dd9d4866dbbe3d3378c7d194d6bea45af9ffc3f00c2);
    }

    function test_weights_are_signed_as_in_snapshot() public view {
        Row memory row;
        row.choice = '{"1":70,"3":30}';
        (row.appHash, row.metadataHash) = (keccak256("cloister"), keccak256('{"a":1}'));
        (row.r, row.s, row.v) =
        (
            0xccd9b31615c24a29605f9ebe5f43885703f8f79cceeee18319a3464bce63f3eb,
            0x3e2c57edbc72670fd0080d4b7168eab31cc2b94cccbf7e0809db9c104ca7866d,
            27
        );
        check(IBallots.Kind.Weighted, row, 0x2185fea5722e59a5afd382a08794d8dd156c37a1a9581578435401ac8afd9800);
    }

    function check(IBallots.Kind kind, Row memory row, bytes32 expected) private view {
        (row.fromHash, row.timestamp) = (FROM, 1_750_000_000);
        Row[] memory rows = new Row[](1);
        rows[0] = row;
        (bytes32 digest, address signer) = this.read(kind, packRows(rows));
        vm.assertEq(digest, expected);
        vm.assertEq(signer, SIGNER);
    }

    /// @dev Reads a row as `Polls` does.
    function read(IBallots.Kind kind, bytes calldata rows) external view returns (bytes32, address) {
        VoteMessage.Message memory message =
            VoteMessage.begin(kind, keccak256("cloister.eth"), keccak256(Hex.ofWord(keccak256("a ballot"))));
        uint256 at;
        assembly {
            at := rows.offset
        }
        (, bytes calldata choice, uint256 next) = Rows.read(at, at + rows.length, message);
        vm.assertEq(next, at + rows.length);
        (, message.choice) = Choices.read(kind, 3, choice);
        bytes32 digest = VoteMessage.digest(message);
        return (digest, Rows.signerOf(at, digest));
    }
}
