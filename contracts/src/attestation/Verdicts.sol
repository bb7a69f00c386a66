// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {CoveredWorkers} from "./CoveredWorkers.sol";

/// @title Verdicts: what covered workers say of evidence that a contract can't check
/// @notice SEV-SNP, Nitro and NVIDIA GPUs sign on P-384, which is too dear here. Workers whose guest image
/// governance lists as a verifier check such evidence instead and sign what they found; enough of them, each
/// of another provider and none of the provider it is about, make a verdict count. They say it of nobody
/// against its will: the worker's own key, which only its guest holds, claims what they found.
abstract contract Verdicts is CoveredWorkers {
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
        /// keccak256 of the guest's measurements; zero for GPUs. On chain an image is called `nameOf(kind,
        /// image)`.
        bytes32 image;
        /// SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key.
        bytes32 tlsKeyHash;
        /// Model in lower case ASCII, left-aligned ("h100"), and how many, in confidential mode; zero for
        /// guests.
        bytes32 gpuClass;
        uint16 gpus;
        uint256 blockNumber;
        bytes32 blockHash;
    }

    error TooFewVerdicts(uint256 found, uint256 needed);
    error NotAVerifier(address signer);
    error VerifierNotIndependent(address signer, address provider);
    error WrongKind();
    error EvidenceNotFresh(bytes32 found, bytes32 expected);
    error ThresholdOutOfBounds(uint256 value, uint256 min, uint256 max);

    event VerdictThresholdSet(uint256 threshold);

    bytes private constant VERDICT_TYPE = "Verdict(uint8 kind,address worker,address provider,bytes32 platform,bytes32 image,bytes32 tlsKeyHash,"
        "bytes32 gpuClass,uint16 gpus,uint256 blockNumber,bytes32 blockHash)";
    bytes32 private constant VERDICT_TYPEHASH = keccak256(VERDICT_TYPE);
    bytes32 private constant CLAIM_TYPEHASH =
        keccak256(abi.encodePacked("Claim(Verdict verdict)", VERDICT_TYPE));
    uint256 private constant MIN_THRESHOLD = 2;
    uint256 private constant MAX_THRESHOLD = 16;

    /// @notice How many verifiers have to agree.
    uint256 public verdictThreshold = MIN_THRESHOLD;

    /// @notice The digest that verifiers sign.
    function verdictDigest(Verdict calldata verdict) public view returns (bytes32) {
        return _hashTypedDataV4(_hashOf(verdict));
    }

    /// @notice The digest that the worker itself signs, where it doesn't hand the verdict in itself.
    function claimDigest(Verdict calldata verdict) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CLAIM_TYPEHASH, _hashOf(verdict))));
    }

    /// @notice What verifiers vouch for is named by its kind, so that no verdict can speak of what quotes
    /// show: neither of a TDX platform nor of a TDX guest image, whose names are hashes of something longer.
    /// @param digest `platform` or `image` of a verdict.
    function nameOf(Kind kind, bytes32 digest) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(kind), digest));
    }

    /// @notice Sets how many verifiers have to agree, from 2 to 16. Announced: with more than there are no
    /// GPU earns.
    function setVerdictThreshold(uint256 threshold) external onlyOwner {
        _useAnnouncement();
        if (threshold < MIN_THRESHOLD || threshold > MAX_THRESHOLD) {
            revert ThresholdOutOfBounds(threshold, MIN_THRESHOLD, MAX_THRESHOLD);
        }
        verdictThreshold = threshold;
        emit VerdictThresholdSet(threshold);
    }

    /// @dev Checks what verdicts of all kinds have in common: the worker claims it, its provider is named,
    /// the block is fresh, enough verifiers signed. Returns the worker's provider.
    function _checkVerdict(Verdict calldata verdict, bytes[] calldata signatures, bytes calldata claim)
        internal
        view
        returns (address provider)
    {
        provider = _live(verdict.worker).provider;
        if (verdict.provider != provider) revert NotProvider(verdict.provider);
        bytes32 blockHash = _freshHash(verdict.blockNumber);
        if (verdict.blockHash != blockHash) revert EvidenceNotFresh(verdict.blockHash, blockHash);
        if (msg.sender != verdict.worker) _checkSignature(claimDigest(verdict), claim, verdict.worker);
        _checkVerifiers(verdict, signatures);
    }

    function _hashOf(Verdict calldata verdict) private pure returns (bytes32) {
        // Static members only: one word each, in order, as EIP-712 asks.
        return keccak256(abi.encode(VERDICT_TYPEHASH, verdict));
    }

    /// @dev Reverts unless enough verifiers signed, each covered now, of a provider of its own, and not the
    /// worker's.
    function _checkVerifiers(Verdict calldata verdict, bytes[] calldata signatures) private view {
        if (signatures.length < verdictThreshold) revert TooFewVerdicts(signatures.length, verdictThreshold);
        bytes32 digest = verdictDigest(verdict);
        address[] memory providers = new address[](signatures.length);
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (err != ECDSA.RecoverError.NoError) revert NotAVerifier(address(0));
            address provider = _verifierProvider(signer);
            if (provider == address(0)) revert NotAVerifier(signer);
            if (provider == verdict.provider) revert VerifierNotIndependent(signer, provider);
            for (uint256 j; j < i; ++j) {
                if (providers[j] == provider) revert VerifierNotIndependent(signer, provider);
            }
            providers[i] = provider;
        }
    }

    /// @dev The provider of a worker that may sign verdicts now; zero if it may not.
    function _verifierProvider(address signer) internal view virtual returns (address);
}
