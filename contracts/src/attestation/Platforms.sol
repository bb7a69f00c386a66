// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAdmission} from "../interfaces/IAdmission.sol";
import {IPlatforms} from "../interfaces/IPlatforms.sol";
import {Der} from "./Der.sol";
import {P256} from "./P256.sol";
import {Pck} from "./Pck.sol";
import {TdxQuote} from "./TdxQuote.sol";
import {X509} from "./X509.sol";

/// @title Platforms: which machines are genuine
/// @notice See `IPlatforms`.
/// @dev Apart from Workers for the size of a contract.
contract Platforms is IPlatforms {
    /// @dev Whose list is gone through.
    struct Issuer {
        uint256 x;
        uint256 y;
        bool isRoot;
    }

    /// Intel SGX Root CA, from https://certificates.trustedservices.intel.com/IntelSGXRootCA.der
    uint256 private constant INTEL_X = 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5;
    uint256 private constant INTEL_Y = 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394;
    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    /// @inheritdoc IPlatforms
    uint256 public constant LIST_GRACE = 7 days;
    /// @inheritdoc IPlatforms
    uint256 public constant LIST_DUE = 10 days;

    /// @inheritdoc IPlatforms
    uint256 public immutable rootX;
    /// @inheritdoc IPlatforms
    uint256 public immutable rootY;
    /// @inheritdoc IPlatforms
    bool public immutable simulated;
    /// @inheritdoc IPlatforms
    IAdmission public immutable admission;

    mapping(bytes32 pckKey => PckKey) private _pck;
    mapping(bytes32 certificate => uint16) private _authorityIndex;
    /// @dev At 0 stands the root.
    mapping(uint16 index => Authority) private _authority;
    uint16 private _authorities;
    /// @dev How far a list has been gone through that was too long for one transaction.
    mapping(bytes32 list => uint256 offset) private _goneThrough;

    /// @param x, y The root key; anything but Intel's is refused outside development chains.
    /// @param admission_ Knows floors and measurements. Fixed: nobody can put another in its place.
    constructor(uint256 x, uint256 y, IAdmission admission_) {
        simulated = x != INTEL_X || y != INTEL_Y;
        if (simulated && block.chainid != DEVELOPMENT_CHAIN) {
            revert DevelopmentRootOutsideDevelopment(block.chainid);
        }
        (rootX, rootY, admission) = (x, y, admission_);
    }

    // ANYBODY

    /// @inheritdoc IPlatforms
    function registerPlatform(bytes calldata pck, bytes calldata authority) external returns (bytes32 key) {
        X509.Certificate memory issuer = _readAuthority(authority);
        X509.Certificate memory leaf = X509.parse(pck, Pck.EXTENSION);
        if (leaf.isAuthority || leaf.extensionEnd == 0) revert NotAPckCertificate();
        X509.checkSignature(leaf, issuer.x, issuer.y);
        _requireValidNow(leaf);
        key = _certificateId(issuer.x, issuer.y, leaf.serial);
        PckKey storage stored = _pck[key];
        if (stored.revoked) revert CertificateRevoked(key);
        stored.authority = _indexOf(_certificateId(rootX, rootY, issuer.serial));
        _requireFreshLists(_authority[stored.authority].nextUpdate);
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

    /// @inheritdoc IPlatforms
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

    /// @inheritdoc IPlatforms
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
        _requireFreshLists(authority.nextUpdate);
        if (block.timestamp > pck.notAfter) revert CertificateNotValidNow(0, pck.notAfter);
        evidence = TdxQuote.verify(quote, pck.x, pck.y);
        IAdmission.Svns memory svns =
            IAdmission.Svns(pck.componentSvns, pck.pceSvn, evidence.qeSvn, evidence.teeTcbSvn);
        admission.check(pck.fmspc, svns, evidence.measurement);
    }

    /// @inheritdoc IPlatforms
    function pckKeyOf(bytes32 key) external view returns (PckKey memory) {
        return _pck[key];
    }

    /// @inheritdoc IPlatforms
    function authorityOf(bytes32 certificate) external view returns (Authority memory) {
        return _authority[_authorityIndex[certificate]];
    }

    // INTERNAL

    function _readAuthority(bytes calldata der) private view returns (X509.Certificate memory c) {
        c = X509.parse(der, 0);
        if (!c.isAuthority) revert NotAnAuthority();
        X509.checkSignature(c, rootX, rootY);
        _requireValidNow(c);
        bytes32 id = _certificateId(rootX, rootY, c.serial);
        if (_authority[_authorityIndex[id]].revoked) revert CertificateRevoked(id);
    }

    /// @dev Both lists are needed, since the root's is what revokes authorities.
    function _requireFreshLists(uint256 nextUpdate) private view {
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

    function _requireValidNow(X509.Certificate memory c) private view {
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
