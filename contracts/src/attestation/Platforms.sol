// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "./Admission.sol";
import {Der} from "./Der.sol";
import {P256} from "./P256.sol";
import {Pck} from "./Pck.sol";
import {TdxQuote} from "./TdxQuote.sol";
import {X509} from "./X509.sol";

/// @title Platforms: which machines are genuine
/// @notice Anybody may register a platform: its PCK certificate is checked to the root key that was fixed at
/// deployment. Anybody may post revocation lists, since the vendor's signature is checked. Which of them are
/// new enough, and for which guest images, Admission says. Nobody owns this contract: no role can add a
/// platform or make a quote.
/// @dev Apart from Workers for the size of a contract.
contract Platforms {
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

    /// @dev Whose list is gone through.
    struct Issuer {
        uint256 x;
        uint256 y;
        bool isRoot;
    }

    error DevelopmentRootOutsideDevelopment(uint256 chainId);
    error NotAnAuthority();
    error NotAPckCertificate();
    error CertificateNotValidNow(uint256 notBefore, uint256 notAfter);
    error CertificateRevoked(bytes32 certificate);
    error ListNotValidYet(uint256 thisUpdate);
    /// @notice No list is there that is fresh: of the root, or of the authority, whichever ran out first.
    error RevocationsOutdated(uint256 nextUpdate);
    error UnknownPckKey(bytes32 pckKey);

    event PlatformRegistered(
        bytes32 indexed platform, bytes32 indexed pckKey, bytes6 fmspc, uint256 notAfter
    );
    event CertificateRevocationPosted(bytes32 indexed certificate, uint256 serial);
    /// @notice A list newer than all before is known whole. `authority`: index of its issuer, 0 for the
    /// root. Unix seconds.
    event RevocationsPosted(uint256 indexed authority, uint256 thisUpdate, uint256 nextUpdate);

    /// Intel SGX Root CA, from https://certificates.trustedservices.intel.com/IntelSGXRootCA.der
    uint256 private constant INTEL_X = 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5;
    uint256 private constant INTEL_Y = 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394;
    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    /// @notice Seconds after a list's next update during which platforms go on without a newer one.
    uint256 public constant LIST_GRACE = 7 days;
    /// @notice A list that has fewer seconds left to its next update is due to be replaced.
    uint256 public constant LIST_DUE = 10 days;

    /// @notice The root key every platform's certificates end in, a point of P-256.
    uint256 public immutable rootX;
    uint256 public immutable rootY;
    /// @notice The root is a development one: platforms are software, and nothing is confidential.
    bool public immutable simulated;
    Admission public immutable admission;

    mapping(bytes32 pckKey => PckKey) private _pck;
    mapping(bytes32 certificate => uint16) private _authorityIndex;
    /// @dev At 0 stands the root.
    mapping(uint16 index => Authority) private _authority;
    uint16 private _authorities;
    /// @dev How far a list has been gone through that was too long for one transaction.
    mapping(bytes32 list => uint256 offset) private _goneThrough;

    /// @param x, y The root key; anything but Intel's is refused outside development chains.
    /// @param admission_ Knows floors and images. Fixed: nobody can put another in its place.
    constructor(uint256 x, uint256 y, Admission admission_) {
        simulated = x != INTEL_X || y != INTEL_Y;
        if (simulated && block.chainid != DEVELOPMENT_CHAIN) {
            revert DevelopmentRootOutsideDevelopment(block.chainid);
        }
        (rootX, rootY, admission) = (x, y, admission_);
    }

    // ANYBODY

    /// @notice Registers a platform, or a further TCB level of one.
    /// @param pck The PCK certificate in DER.
    /// @param authority The certificate of the authority that issued it, itself issued by the root, in DER.
    /// @return key What `attest` names the PCK key by.
    function registerPlatform(bytes calldata pck, bytes calldata authority) external returns (bytes32 key) {
        X509.Certificate memory issuer = _readAuthority(authority);
        X509.Certificate memory leaf = X509.parse(pck, Pck.EXTENSION);
        if (leaf.isAuthority || leaf.extensionEnd == 0) revert NotAPckCertificate();
        X509.checkSignature(leaf, issuer.x, issuer.y);
        _checkTime(leaf);
        key = _certificateId(issuer.x, issuer.y, leaf.serial);
        PckKey storage stored = _pck[key];
        if (stored.revoked) revert CertificateRevoked(key);
        stored.authority = _indexOf(_certificateId(rootX, rootY, issuer.serial));
        _checkLists(_authority[stored.authority].nextUpdate);
        Pck.Facts memory facts = Pck.parse(pck, leaf.extensionStart, leaf.extensionEnd);
        stored.platform = sha256(abi.encodePacked(facts.ppid));
        stored.x = leaf.x;
        stored.y = leaf.y;
        stored.fmspc = facts.fmspc;
        stored.componentSvns = facts.componentSvns;
        stored.pceSvn = facts.pceSvn;
        uint256 notAfter = leaf.notAfter < issuer.notAfter ? leaf.notAfter : issuer.notAfter;
        stored.notAfter = uint40(notAfter);
        emit PlatformRegistered(stored.platform, key, facts.fmspc, notAfter);
    }

    /// @notice Posts a revocation list of an authority, or of the root where `authority` is empty. What is
    /// revoked stays so. A list counts as the authority's newest once all of its entries have been gone
    /// through, so that nobody can pass for fresh what leaves something out.
    /// @param list The list in DER, whole.
    /// @param authority The certificate of the authority that signed it, in DER.
    /// @param most Entries to go through in this transaction. Whoever posts the same list again goes on
    /// where this ends.
    /// @return added Certificates that nobody knew to be revoked.
    /// @return renewed The list replaced one that was due (`LIST_DUE`), or the first one, and isn't due
    /// itself.
    function postRevocations(bytes calldata list, bytes calldata authority, uint256 most)
        external
        returns (uint256 added, bool renewed)
    {
        X509.RevocationList memory parsed = X509.parseList(list);
        (uint256 x, uint256 y) = (rootX, rootY);
        uint16 index;
        if (authority.length != 0) {
            X509.Certificate memory issuer = _readAuthority(authority);
            (x, y) = (issuer.x, issuer.y);
            index = _indexOf(_certificateId(rootX, rootY, issuer.serial));
        }
        if (!P256.verify(parsed.digest, parsed.r, parsed.s, x, y)) revert X509.BadCertificateSignature();
        if (parsed.thisUpdate > block.timestamp) revert ListNotValidYet(parsed.thisUpdate);
        bytes20 entries = bytes20(Der.hash(list, parsed.entriesStart, parsed.entriesEnd));
        if (entries != _authority[index].entries) {
            bool whole;
            (added, whole) = _goThrough(list, parsed, Issuer(x, y, index == 0), most);
            if (!whole) return (added, false);
        }
        renewed = _keepNewest(index, parsed, entries);
    }

    // VIEWS

    /// @notice Verifies a quote by a registered platform: signatures, revocation, TCB floor, guest image,
    /// debug off. Reverts unless all is well. Whether its report data is what it should be is the caller's
    /// question.
    /// @param quote A TDX quote; what follows the quoting enclave's authentication data may be left out.
    function verify(bytes32 key, bytes calldata quote)
        external
        view
        returns (bytes32 platform, TdxQuote.Evidence memory evidence)
    {
        PckKey memory pck = _pck[key];
        platform = pck.platform;
        if (platform == 0) revert UnknownPckKey(key);
        Authority memory authority = _authority[pck.authority];
        if (pck.revoked || authority.revoked) revert CertificateRevoked(key);
        _checkLists(authority.nextUpdate);
        if (block.timestamp > pck.notAfter) revert CertificateNotValidNow(0, pck.notAfter);
        evidence = TdxQuote.verify(quote, pck.x, pck.y);
        Admission.Svns memory svns =
            Admission.Svns(pck.componentSvns, pck.pceSvn, evidence.qeSvn, evidence.teeTcbSvn);
        admission.check(pck.fmspc, svns, evidence.image);
    }

    function pckKeyOf(bytes32 key) external view returns (PckKey memory) {
        return _pck[key];
    }

    /// @notice An authority by its certificate, which is named keccak256(abi.encode(the root key's x, y,
    /// serial number)); the root for 0.
    function authorityOf(bytes32 certificate) external view returns (Authority memory) {
        return _authority[_authorityIndex[certificate]];
    }

    // INTERNAL

    function _readAuthority(bytes calldata der) private view returns (X509.Certificate memory c) {
        c = X509.parse(der, 0);
        if (!c.isAuthority) revert NotAnAuthority();
        X509.checkSignature(c, rootX, rootY);
        _checkTime(c);
        bytes32 id = _certificateId(rootX, rootY, c.serial);
        if (_authority[_authorityIndex[id]].revoked) revert CertificateRevoked(id);
    }

    /// @dev Both lists are needed, since the root's is what revokes authorities.
    function _checkLists(uint256 nextUpdate) private view {
        uint256 ofRoot = _authority[0].nextUpdate;
        uint256 first = ofRoot < nextUpdate ? ofRoot : nextUpdate;
        if (block.timestamp > first + LIST_GRACE) revert RevocationsOutdated(first);
    }

    function _goThrough(
        bytes calldata list,
        X509.RevocationList memory parsed,
        Issuer memory issuer,
        uint256 most
    ) private returns (uint256 added, bool whole) {
        uint256 at = _goneThrough[parsed.digest];
        bool begun = at != 0;
        if (!begun) at = parsed.entriesStart;
        for (uint256 i; i < most && at < parsed.entriesEnd; ++i) {
            uint256 serial;
            (serial, at) = X509.entry(list, at, parsed.entriesEnd);
            if (_revoke(_certificateId(issuer.x, issuer.y, serial), serial, issuer.isRoot)) ++added;
        }
        whole = at >= parsed.entriesEnd;
        if (!whole) _goneThrough[parsed.digest] = at;
        else if (begun) delete _goneThrough[parsed.digest];
    }

    /// @dev True if nobody knew that it is revoked.
    function _revoke(bytes32 certificate, uint256 serial, bool ofRoot) private returns (bool) {
        if (ofRoot) {
            Authority storage authority = _authority[_indexOf(certificate)];
            if (authority.revoked) return false;
            authority.revoked = true;
        } else {
            PckKey storage pck = _pck[certificate];
            if (pck.revoked) return false;
            pck.revoked = true;
        }
        emit CertificateRevocationPosted(certificate, serial);
        return true;
    }

    function _keepNewest(uint16 index, X509.RevocationList memory parsed, bytes20 entries)
        private
        returns (bool renewed)
    {
        Authority storage authority = _authority[index];
        if (parsed.thisUpdate <= authority.thisUpdate) return false;
        uint256 soon = block.timestamp + LIST_DUE;
        renewed = authority.nextUpdate < soon && parsed.nextUpdate >= soon;
        (authority.thisUpdate, authority.nextUpdate) = (uint40(parsed.thisUpdate), uint40(parsed.nextUpdate));
        authority.entries = entries;
        emit RevocationsPosted(index, parsed.thisUpdate, parsed.nextUpdate);
    }

    function _checkTime(X509.Certificate memory c) private view {
        if (block.timestamp < c.notBefore || block.timestamp > c.notAfter) {
            revert CertificateNotValidNow(c.notBefore, c.notAfter);
        }
    }

    function _indexOf(bytes32 authority) private returns (uint16 index) {
        index = _authorityIndex[authority];
        if (index == 0) {
            index = ++_authorities;
            _authorityIndex[authority] = index;
        }
    }

    function _certificateId(uint256 issuerX, uint256 issuerY, uint256 serial) private pure returns (bytes32) {
        return keccak256(abi.encode(issuerX, issuerY, serial));
    }
}
