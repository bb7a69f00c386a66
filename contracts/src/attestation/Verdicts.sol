// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Verdicts: what covered workers say of evidence that a contract can't check
/// @notice SEV-SNP, Nitro and NVIDIA GPUs sign on P-384, which is too dear here. Workers whose measurement
/// governance lists as a verifier check such evidence instead and sign what they found; enough of them, each
/// of another provider and none of the provider it is about, make a verdict count. They say it of nobody
/// against its will: the worker's own key, which only its guest holds, claims what they found.
library Verdicts {
    enum Kind {
        SevSnp,
        Nitro,
        NvidiaGpus
    }

    /// @notice What verifiers found. Bound to a block as quotes are, and through its hash to this chain's
    /// present.
    struct Verdict {
        Kind kind;
        /// Whom it is about.
        address worker;
        address provider;
        /// SHA-256 of the machine's identity: AMD's chip id, Nitro's module id, the GPUs' UEIDs.
        bytes32 platform;
        /// keccak256 of what the hardware measured of the guest; zero for GPUs. On chain it is called
        /// `nameOf(kind, measurement)`.
        bytes32 measurement;
        /// SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key.
        bytes32 tlsKeyHash;
        /// Model in lower case ASCII, left-aligned ("h100"), and how many, in confidential mode; zero for
        /// guests.
        bytes32 gpuClass;
        uint16 gpus;
        uint256 blockNumber;
        bytes32 blockHash;
    }

    /// @notice `found` verifiers signed, and `needed` have to.
    error TooFewVerdicts(uint256 found, uint256 needed);
    /// @notice `signer` isn't a worker that may sign verdicts now; zero where the signature is no signature.
    error NotAVerifier(address signer);
    /// @notice Another signer is of the same `provider`, or that is whom the verdict is about.
    error VerifierNotIndependent(address signer, address provider);
    /// @notice A verdict on a guest was given where one on GPUs belongs, or the other way round.
    error WrongKind();

    bytes private constant VERDICT_TYPE = "Verdict(uint8 kind,address worker,address provider,bytes32 platform,bytes32 measurement,bytes32 tlsKeyHash,"
        "bytes32 gpuClass,uint16 gpus,uint256 blockNumber,bytes32 blockHash)";
    bytes32 private constant VERDICT_TYPEHASH = keccak256(VERDICT_TYPE);
    bytes32 private constant CLAIM_TYPEHASH =
        keccak256(abi.encodePacked("Claim(Verdict verdict)", VERDICT_TYPE));

    /// @dev EIP-712's hash of a verdict, which verifiers sign under the domain of Workers.
    function hashOf(Verdict calldata verdict) internal pure returns (bytes32) {
        // Static members only: one word each, in order, as EIP-712 asks.
        return keccak256(abi.encode(VERDICT_TYPEHASH, verdict));
    }

    /// @dev EIP-712's hash of the worker's own claim to a verdict.
    function claimHashOf(Verdict calldata verdict) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_TYPEHASH, hashOf(verdict)));
    }

    /// @dev Platforms and measurements that verifiers vouch for are named by their kind, so that no verdict
    /// can speak of what quotes show: neither of a TDX platform nor of a TDX guest's measurement, whose names
    /// are hashes of something longer.
    function nameOf(Kind kind, bytes32 digest) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(kind), digest));
    }

    /// @dev Reverts unless enough verifiers signed `digest`, each of a provider of its own, and not the
    /// worker's.
    /// @param providerOf The provider of a worker that may sign verdicts now; zero if it may not.
    function requireSigned(
        Verdict calldata verdict,
        bytes32 digest,
        bytes[] calldata signatures,
        uint256 threshold,
        function(address) view returns (address) providerOf
    ) internal view {
        if (signatures.length < threshold) {
            revert TooFewVerdicts(signatures.length, threshold);
        }
        address[] memory providers = new address[](signatures.length);
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (err != ECDSA.RecoverError.NoError) revert NotAVerifier(address(0));
            address provider = providerOf(signer);
            if (provider == address(0)) revert NotAVerifier(signer);
            if (provider == verdict.provider) revert VerifierNotIndependent(signer, provider);
            for (uint256 j; j < i; ++j) {
                if (providers[j] == provider) revert VerifierNotIndependent(signer, provider);
            }
            providers[i] = provider;
        }
    }
}
