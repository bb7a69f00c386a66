// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Admission, GUEST, VERIFIER} from "../attestation/Admission.sol";
import {CoveredWorkers} from "../attestation/CoveredWorkers.sol";
import {Gpus} from "../attestation/Gpus.sol";
import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";
import {Platforms} from "../attestation/Platforms.sol";
import {TdxQuote} from "../attestation/TdxQuote.sol";

/// @title Workers: who may earn, and for which seconds
/// @notice A worker is one machine of a provider, known by the address of a signing key that never leaves
/// it. It is covered by attestation alone: a quote that its hardware made a moment ago, checked in full by
/// Platforms, or the word of verifiers for hardware that no contract can check. Whatever is new about a
/// worker (its image, its TLS key, that it is back, its GPUs) takes the worker's own key besides: one
/// machine that was broken into can't speak for others.
contract Workers is Gpus {
    /// @dev Who holds a platform, and until when nobody else can.
    struct Holder {
        address provider;
        /// Unix seconds.
        uint48 until;
    }

    error NotWorker(address caller);
    error PlatformHeld(bytes32 platform, address provider, uint256 until);

    /// @notice A quote of the worker's was accepted. `image` names the guest (see `Admission.rolesOf`),
    /// `tlsKeyHash` the key (SHA-256 of its SubjectPublicKeyInfo) that the worker's interface is served
    /// with.
    event Attested(
        address indexed worker,
        bytes32 indexed platform,
        bytes32 indexed image,
        bytes32 pckKey,
        bytes32 tlsKeyHash
    );
    /// @notice Verifiers vouched for the worker's guest (`kind` SEV-SNP or Nitro). Platform and image by
    /// `nameOf`.
    event AttestedByVerdict(
        address indexed worker, bytes32 indexed platform, bytes32 indexed image, Kind kind, bytes32 tlsKeyHash
    );

    /// @notice Where quotes are checked.
    Platforms public immutable platforms;
    /// @notice Which guest images may serve and verify.
    Admission public immutable admission;

    /// @notice The guest image that the worker last proved to run.
    mapping(address worker => bytes32) public imageOf;
    mapping(bytes32 platform => Holder) private _holder;

    /// @param owner Announces parameters within their bounds: the governance executor.
    /// @param platforms_ Checks quotes. Fixed: nobody can put another in its place.
    /// @param observer_ Is told of coverage. Fixed likewise.
    constructor(address owner, Platforms platforms_, ICoverageObserver observer_)
        EIP712("Cloister Workers", "1")
        Ownable(owner)
        CoveredWorkers(observer_)
    {
        if (address(platforms_) == address(0)) revert ZeroAddress();
        (platforms, admission) = (platforms_, platforms_.admission());
    }

    /// @notice Covers the worker for `coveragePeriod` seconds from now. Anybody may hand in a quote that
    /// renews coverage and says what the one before said; the first one, one after a gap or a departure, and
    /// one for another TLS key or image only the worker itself.
    /// @param pckKey The registered key of the platform's that vouches for the quoting enclave
    /// (`Platforms.registerPlatform`).
    /// @param blockNumber A block of the last `FRESH_BLOCKS`, newer than that of the attestation before. Its
    /// hash is the second half of the report data, which proves that the quote is fresh.
    /// @param tlsKeyHash SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key.
    /// @param quote A TDX quote up to its quoting enclave's authentication data; what follows is not read.
    /// The first half of its report data is `bindingOf(provider, worker, tlsKeyHash)`.
    function attest(
        address worker,
        bytes32 pckKey,
        uint256 blockNumber,
        bytes32 tlsKeyHash,
        bytes calldata quote
    ) external {
        address provider = _live(worker).provider;
        (bytes32 platform, TdxQuote.Evidence memory evidence) = platforms.verify(pckKey, quote);
        _checkBound(evidence, _freshHash(blockNumber), bindingOf(provider, worker, tlsKeyHash));
        bool isRenewal = _isCovered(worker);
        if ((_become(worker, evidence.image, tlsKeyHash, true) || !isRenewal) && msg.sender != worker) {
            revert NotWorker(msg.sender);
        }
        _hold(platform, provider, _cover(worker, provider, blockNumber));
        emit Attested(worker, platform, evidence.image, pckKey, tlsKeyHash);
    }

    /// @notice Covers a worker whose evidence a contract can't check, on the word of enough verifiers and
    /// its own (see `Verdicts`). The same rules hold as for quotes: a listed guest image, a fresh block, one
    /// provider a platform. It is no verifier itself.
    /// @param claim The worker key's signature over `claimDigest`; empty where the worker itself calls.
    function attestByVerdict(Verdict calldata verdict, bytes[] calldata signatures, bytes calldata claim)
        external
    {
        if (verdict.kind == Kind.NvidiaGpus) revert WrongKind();
        address worker = verdict.worker;
        address provider = _checkVerdict(verdict, signatures, claim);
        (bytes32 platform, bytes32 image) =
            (nameOf(verdict.kind, verdict.platform), nameOf(verdict.kind, verdict.image));
        if (admission.rolesOf(image) & GUEST == 0) revert Admission.ImageNotAllowed(image);
        _become(worker, image, verdict.tlsKeyHash, false);
        _hold(platform, provider, _cover(worker, provider, verdict.blockNumber));
        emit AttestedByVerdict(worker, platform, image, verdict.kind, verdict.tlsKeyHash);
    }

    /// @notice What the first half of a worker's report data must be: it ties the quote to this chain, this
    /// contract, this provider, this worker key and this TLS key.
    function bindingOf(address provider, address worker, bytes32 tlsKeyHash) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), provider, worker, tlsKeyHash));
    }

    /// @notice The provider that holds a platform, and the instant (Unix seconds) from which another may
    /// take it over.
    function holderOf(bytes32 platform) external view returns (Holder memory) {
        return _holder[platform];
    }

    /// @dev Only a quote makes a verifier. A worker that others vouched for vouches for nobody: otherwise
    /// two verifiers that are broken for a moment would make others out of nothing, and those others.
    function _verifierProvider(address signer) internal view override returns (address) {
        Worker storage w = _worker[signer];
        bool attested = w.byQuote && !w.retired && _isCovered(signer);
        return attested && admission.rolesOf(imageOf[signer]) & VERIFIER != 0 ? w.provider : address(0);
    }

    function _checkBound(TdxQuote.Evidence memory evidence, bytes32 blockHash, bytes32 binding) private pure {
        if (evidence.freshness != blockHash) revert EvidenceNotFresh(evidence.freshness, blockHash);
        if (evidence.binding != binding) revert EvidenceNotBound(evidence.binding, binding);
    }

    /// @dev Writes down what the worker proved to be; true if it is anything else than before.
    function _become(address worker, bytes32 image, bytes32 tlsKeyHash, bool byQuote)
        private
        returns (bool changed)
    {
        if (imageOf[worker] != image) (imageOf[worker], changed) = (image, true);
        if (tlsKeyHashOf[worker] != tlsKeyHash) (tlsKeyHashOf[worker], changed) = (tlsKeyHash, true);
        if (_worker[worker].byQuote != byQuote) (_worker[worker].byQuote, changed) = (byQuote, true);
    }

    /// @dev One platform serves one provider at a time: it is held while that provider's coverage of it
    /// lasts, and whoever attests on it afterwards takes it over. That is how a machine changes hands.
    function _hold(bytes32 platform, address provider, uint48 until) private {
        Holder memory holder = _holder[platform];
        if (holder.provider != provider && holder.until > block.timestamp) {
            revert PlatformHeld(platform, holder.provider, holder.until);
        }
        if (holder.provider == provider && holder.until >= until) return;
        _holder[platform] = Holder(provider, until);
    }
}
