// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Stands where a real layer 1 has Succinct's SP1 verifier
/// @notice A "proof" is a signature of `prover`, whose key development networks know: whoever has it may say
/// anything. Its constructor refuses every chain but a development layer 1.
contract SimulatedVerifier {
    /// @notice Whose signature is taken for a proof.
    address public immutable prover;

    /// @notice Simulated proofs exist on development chains only.
    error NotADevelopmentChain(uint256 chainId);
    /// @notice The proof isn't `prover`'s signature of these public values.
    error InvalidProof();

    constructor(address prover_) {
        if (block.chainid != 900) revert NotADevelopmentChain(block.chainid);
        prover = prover_;
    }

    /// @notice Reverts unless `proof` is a message (ERC-191) signed by `prover`.
    /// @param program Verification key of the program that is said to have run.
    /// @param publicValues What it is said to have shown.
    function verifyProof(bytes32 program, bytes calldata publicValues, bytes calldata proof) external view {
        bytes32 digest = MessageHashUtils.toEthSignedMessageHash(
            keccak256(abi.encode("simulated proof", program, keccak256(publicValues)))
        );
        (address signer, ECDSA.RecoverError error,) = ECDSA.tryRecover(digest, proof);
        if (error != ECDSA.RecoverError.NoError || signer != prover) revert InvalidProof();
    }
}
