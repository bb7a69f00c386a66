// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TdxQuote} from "../attestation/TdxQuote.sol";
import {IAdmission} from "./IAdmission.sol";

/// @title IPlatforms: which machines are genuine
/// @notice Anybody may register a platform: its PCK certificate is checked to the root key that was fixed at
/// deployment. Anybody may post revocation lists, since the vendor's signature is checked. Which of them are
/// new enough, and which guests may serve, Admission says. Nobody owns this contract: no role can add a
/// platform or make a quote.
/// @dev Certificates are named keccak256(abi.encode(their issuer's x, y, serial number)). Certificates and
/// lists are in DER, and revert with `Der.BadDer`, `X509.BadCertificate` or `Pck.BadPck` where they aren't
/// well-formed. Instants are Unix seconds.
interface IPlatforms {
    /// @notice A registered PCK key. A platform has one for each TCB level it was certified at.
    /// @dev Four slots. Keyed by issuer and serial number, as revocation lists are; the flag may be set
    /// before the rest is known.
    struct PckKey {
        /// SHA-256 of the PPID, the platform's identity (dstack and Proof of Cloud call it device id).
        bytes32 platform;
        uint256 x;
        uint256 y;
        bytes6 fmspc;
        bytes16 componentSvns;
        uint16 pceSvn;
        /// The lesser of its certificate's end and its authority's, Unix seconds.
        uint40 notAfter;
        bool revoked;
        uint16 authority;
    }

    /// @notice An authority that issues PCK certificates, or the root, and the newest of its revocation
    /// lists that was posted whole.
    /// @dev One slot.
    struct Authority {
        bool revoked;
        /// When the list was made, and when the next one is to be expected by. Unix seconds; 0 without a
        /// list.
        uint40 thisUpdate;
        uint40 nextUpdate;
        /// The first bytes of keccak256 over the list's entries: whether another list has the same ones.
        bytes20 entries;
    }

    /// @notice Any root but Intel's makes platforms of software, and is refused outside development chains.
    error DevelopmentRootOutsideDevelopment(uint256 chainId);
    /// @notice The issuer's certificate isn't that of an authority.
    error NotAnAuthority();
    /// @notice The certificate isn't that of a platform.
    error NotAPckCertificate();
    /// @notice The certificate is good from `notBefore` to `notAfter`.
    error CertificateNotValidNow(uint256 notBefore, uint256 notAfter);
    /// @notice The certificate, of a platform or of an authority, was revoked.
    error CertificateRevoked(bytes32 certificate);
    /// @notice The list was made at `thisUpdate`, which is yet to come.
    error ListNotValidYet(uint256 thisUpdate);
    /// @notice No list is there that is fresh: of the root, or of the authority, whichever ran out first.
    error RevocationsOutdated(uint256 nextUpdate);
    /// @notice Nobody has registered a platform with this PCK key.
    error UnknownPckKey(bytes32 pckKey);

    /// @notice A platform, or a further TCB level of one, was registered, good until `notAfter`.
    event PlatformRegistered(
        bytes32 indexed platform, bytes32 indexed pckKey, bytes6 fmspc, uint256 notAfter
    );
    /// @notice A certificate is revoked, for good.
    event CertificateRevocationPosted(bytes32 indexed certificate, uint256 serial);
    /// @notice A list newer than all before is known whole. `authority`: index of its issuer, 0 for the
    /// root.
    event RevocationsPosted(uint256 indexed authority, uint256 thisUpdate, uint256 nextUpdate);

    /// @notice Registers a platform, or a further TCB level of one. Anybody may.
    /// Reverts with `NotAnAuthority`, `NotAPckCertificate`, `X509.BadCertificateSignature`,
    /// `CertificateNotValidNow`, `CertificateRevoked` or `RevocationsOutdated`.
    /// @param pck The PCK certificate in DER.
    /// @param authority The certificate of the authority that issued it, itself issued by the root, in DER.
    /// @return key What `attest` names the PCK key by.
    function registerPlatform(bytes calldata pck, bytes calldata authority) external returns (bytes32 key);

    /// @notice Posts a revocation list of an authority, or of the root where `authority` is empty. Anybody
    /// may. What is revoked stays so. A list counts as the authority's newest once all of its entries have
    /// been gone through, so that nobody can pass for fresh what leaves something out.
    /// Reverts with `NotAnAuthority`, `X509.BadCertificateSignature`, `CertificateNotValidNow`,
    /// `CertificateRevoked` (the authority's own) or `ListNotValidYet`.
    /// @param list The list in DER, whole.
    /// @param authority The certificate of the authority that signed it, in DER.
    /// @param most Entries to go through in this transaction. Whoever posts the same list again goes on
    /// where this ends.
    /// @return added Certificates that nobody knew to be revoked.
    /// @return renewed The list replaced one that was due (`LIST_DUE`), or the first one, and isn't due
    /// itself.
    function postRevocations(bytes calldata list, bytes calldata authority, uint256 most)
        external
        returns (uint256 added, bool renewed);

    /// @notice Verifies a quote by a registered platform: signatures, revocation, TCB floor, the guest's
    /// measurement, debug off. Whether its report data is what it should be is the caller's question. Reverts
    /// with `UnknownPckKey`, `CertificateRevoked`, `RevocationsOutdated`, `CertificateNotValidNow`, as
    /// `TdxQuote.verify` does, or as `IAdmission.check` does.
    /// @param quote A TDX quote; what follows the quoting enclave's authentication data may be left out.
    function verify(bytes32 key, bytes calldata quote)
        external
        view
        returns (bytes32 platform, TdxQuote.Evidence memory evidence);

    /// @notice A registered PCK key; all zero where there is none.
    function pckKeyOf(bytes32 key) external view returns (PckKey memory);

    /// @notice An authority by its certificate; the root for 0.
    function authorityOf(bytes32 certificate) external view returns (Authority memory);

    /// @notice The root key every platform's certificates end in, a point of P-256: its x.
    function rootX() external view returns (uint256);

    /// @notice The root key's y.
    function rootY() external view returns (uint256);

    /// @notice The root is a development one: platforms are software, and nothing is confidential.
    function simulated() external view returns (bool);

    /// @notice Which platforms are new enough, and which guests may serve, by measurement.
    function admission() external view returns (IAdmission);

    /// @notice Seconds after a list's next update during which platforms go on without a newer one.
    function LIST_GRACE() external view returns (uint256);

    /// @notice A list that has fewer seconds left to its next update is due to be replaced.
    function LIST_DUE() external view returns (uint256);
}
