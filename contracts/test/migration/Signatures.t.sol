// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IClaims} from "../../src/interfaces/IClaims.sol";
import {Accounts} from "../../src/migration/Accounts.sol";
import {Signatures} from "../../src/migration/Signatures.sol";
import {vm} from "../Vm.sol";

/// @dev Signatures that others publish: Substrate's own tests (polkadot-sdk, substrate/primitives/core/src,
/// sr25519.rs, ed25519.rs and ecdsa.rs), those of schnorrkel's bindings, and RFC 8032, section 7.1.
contract SignaturesTest {
    bool public constant IS_TEST = true;
    Signatures private signatures;

    function setUp() public {
        signatures = new Signatures();
    }

    /// @dev sr25519-crust, test/ds.cpp, VerifyExisting, which the bindings in Go, C and Swift have as well.
    function test_schnorrkels_vector_is_accepted_for_its_message_alone() public view {
        bytes32 key = 0x46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a;
        bytes32 r = 0x4e172314444b8f820bb54c22e95076f220ed25373e5c178234aa6c211d292712;
        bytes32 s = 0x44b947e3ff3418ff6b45fd1df1140c8cbff69fc58ee6dc96df70936a2bb74b82;
        vm.assertTrue(signatures.sr25519("this is a message", key, r, s));
        vm.assertTrue(!signatures.sr25519("wrong message", key, r, s));
        vm.assertTrue(!signatures.ed25519("this is a message", key, r, s));
    }

    /// @dev sr25519.rs, verify_from_old_wasm_works: a signature of before there was a transcript, which
    /// Substrate takes as a deprecated one alone.
    function test_substrates_deprecated_vector_is_refused() public view {
        bytes32 key = 0xdef12e42f3e487e9b14095aa8d5cc16a33491f1b50dadcf8811d1480f3fa8627;
        bytes32 r = 0x28a854d54903e056f89581c691c1f7d2ff39f8f896c9e9c22475e60902cc2b35;
        bytes32 s = 0x47199e0e91fa32902028f2ca2355e8cdd16cfe19ba5e8b658c94aa80f3b81a00;
        vm.assertTrue(!signatures.sr25519("SUBSTRATE", key, r, s));
        // With the mark that tells signatures of sr25519 from those of Ed25519.
        vm.assertTrue(!signatures.sr25519("SUBSTRATE", key, r, s | bytes32(uint256(0x80))));
    }

    /// @dev ed25519.rs, test_vector_should_work, which is RFC 8032's TEST 1; and its TEST 2 and TEST 3.
    function test_vectors_of_ed25519_are_accepted() public view {
        _ed25519(
            "",
            0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a,
            0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155,
            0x5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
        );
        _ed25519(
            hex"72",
            0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c,
            0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da,
            0x085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
        );
        _ed25519(
            hex"af82",
            0xfc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025,
            0x6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac,
            0x18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
        );
    }

    /// @dev ecdsa.rs, test_vector_should_work. The account is the key's hash.
    function test_substrates_vector_of_ecdsa_is_accepted() public view {
        IClaims.Signature memory signature = IClaims.Signature({
            scheme: IClaims.Scheme.Ecdsa,
            v: 0,
            x: 0x8db55b05db86c0b1786ca49f095d76344c9e6056b2f02701a7e7f3c20aabfd91,
            y: 0x3ebbe148dd17c56551a52952371071a6c604b3f3abe8f2c8fa742158ea6dd7d4,
            r: 0x3dde91174bd9359027be59a428b8146513df80a2a3c7eda2194f64de04a69ab9,
            s: 0x7b753169e94db6ffd50921a2668a48b94ca11e3d32c1ff19cfe88890aa7e8f3c
        });
        vm.assertEq(
            this.signerOf(signature), 0xe9ba765d811b3ded32b9184a8a4adcacbb1fdeebbe4401484dae2f0588c246e4
        );
        vm.assertTrue(this.verify(signature, ""));
        vm.assertTrue(!this.verify(signature, hex"00"));
        signature.v = 1;
        vm.assertTrue(!this.verify(signature, ""));
    }

    function signerOf(IClaims.Signature calldata signature) external view returns (bytes32) {
        return Accounts.signerOf(signature);
    }

    function verify(IClaims.Signature calldata signature, bytes calldata text) external view returns (bool) {
        return Accounts.verify(signatures, signature, text);
    }

    function _ed25519(bytes memory message, bytes32 key, bytes32 r, bytes32 s) private view {
        vm.assertTrue(signatures.ed25519(message, key, r, s));
        vm.assertTrue(!signatures.ed25519(bytes.concat(message, hex"00"), key, r, s));
        vm.assertTrue(!signatures.ed25519(message, key, r, s ^ bytes32(uint256(1) << 248)));
        vm.assertTrue(!signatures.sr25519(message, key, r, s | bytes32(uint256(0x80))));
    }
}
