// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {P256} from "./attestation/P256.sol";
import {Pck} from "./attestation/Pck.sol";
import {TdxQuote} from "./attestation/TdxQuote.sol";
import {X509} from "./attestation/X509.sol";

/// @title Platforms: which machines are genuine
/// @notice Anybody may register a platform: its PCK certificate is checked to the root key that was fixed at deployment.
/// Anybody may post revocation lists, since the vendor's signature is checked. Governance sets the TCB floor of each
/// family of platforms and the guest images that may earn; it can neither add a platform nor make a quote.
/// @dev Apart from Workers for the size of a contract.
contract Platforms is Ownable2Step {
    /// @notice A registered PCK key. A platform has one for each TCB level it was certified at.
    /// @dev Four slots. Keyed by issuer and serial number, as revocation lists are; the flag may be set before the rest is known.
    struct PckKey {
        /// SHA-256 of the PPID, the platform's identity (dstack and Proof of Cloud call it device id).
        bytes32 platform;
        uint256 x;
        uint256 y;
        bytes6 fmspc;
        bytes16 componentSvns;
        uint16 pceSvn;
        /// Unix seconds.
        uint40 notAfter;
        bool revoked;
        uint16 authority;
    }

    /// @notice The least that platforms of one family must have. Nothing is accepted after `expiry`, so that a floor which
    /// nobody looks after ends by itself.
    struct Floor {
        /// Each of a platform's sixteen component SVNs must be at least this.
        bytes16 componentSvns;
        uint16 pceSvn;
        uint16 qeSvn;
        /// Unix seconds.
        uint48 expiry;
        /// Each TDX component SVN but the first two must be at least this.
        bytes16 tdxSvns;
        /// By version of the TDX module, its least SVN; 255 keeps a version out, and so does being beyond the eighth.
        bytes8 moduleSvns;
    }

    error DevelopmentRootOutsideDevelopment(uint256 chainId);
    error NotAnAuthority();
    error NotAPckCertificate();
    error CertificateNotValidNow(uint256 notBefore, uint256 notAfter);
    error CertificateRevoked(bytes32 certificate);
    error ListNotValidYet(uint256 thisUpdate);
    error UnknownPckKey(bytes32 pckKey);
    error NoTcbFloor(bytes6 fmspc);
    error TcbFloorExpired(bytes6 fmspc, uint256 expiry);
    error TcbBelowFloor(bytes6 fmspc);
    error ImageNotAllowed(bytes32 image);

    event PlatformRegistered(bytes32 indexed platform, bytes32 indexed pckKey, bytes6 fmspc, uint256 notAfter);
    event CertificateRevocationPosted(bytes32 indexed certificate, uint256 serial);
    event TcbFloorSet(bytes6 indexed fmspc, Floor floor);
    event ImageSet(bytes32 indexed image, uint8 roles);

    /// Intel SGX Root CA, from https://certificates.trustedservices.intel.com/IntelSGXRootCA.der
    uint256 private constant INTEL_X = 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5;
    uint256 private constant INTEL_Y = 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394;
    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    /// @notice What an image may do: earn as a worker, and sign verdicts about other machines.
    uint8 public constant GUEST = 1;
    uint8 public constant VERIFIER = 2;

    /// @notice The root key every platform's certificates end in, a point of P-256.
    uint256 public immutable rootX;
    uint256 public immutable rootY;
    /// @notice The root is a development one: platforms are software, and nothing is confidential.
    bool public immutable simulated;

    mapping(bytes32 pckKey => PckKey) private _pck;
    mapping(bytes32 certificate => uint16) private _authorityIndex;
    mapping(uint16 index => bool) private _authorityRevoked;
    uint16 private _authorities;
    mapping(bytes6 fmspc => Floor) private _floor;
    /// @notice Roles of guest images, which are named keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2).
    mapping(bytes32 image => uint8) public rolesOf;

    /// @param owner Sets floors and images: the governance executor.
    /// @param x, y The root key; anything but Intel's is refused outside development chains.
    constructor(address owner, uint256 x, uint256 y) Ownable(owner) {
        simulated = x != INTEL_X || y != INTEL_Y;
        if (simulated && block.chainid != DEVELOPMENT_CHAIN) revert DevelopmentRootOutsideDevelopment(block.chainid);
        (rootX, rootY) = (x, y);
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
        Pck.Facts memory facts = Pck.parse(pck, leaf.extensionStart, leaf.extensionEnd);
        stored.platform = sha256(abi.encodePacked(facts.ppid));
        stored.x = leaf.x;
        stored.y = leaf.y;
        stored.fmspc = facts.fmspc;
        stored.componentSvns = facts.componentSvns;
        stored.pceSvn = facts.pceSvn;
        stored.notAfter = uint40(leaf.notAfter);
        stored.authority = _indexOf(_certificateId(rootX, rootY, issuer.serial));
        emit PlatformRegistered(stored.platform, key, facts.fmspc, leaf.notAfter);
    }

    /// @notice Posts a revocation list of an authority, or of the root where `authority` is empty. What is revoked stays so.
    /// @param list The list in DER.
    /// @param authority The certificate of the authority that signed it, in DER.
    function postRevocations(bytes calldata list, bytes calldata authority) external {
        X509.RevocationList memory parsed = X509.parseList(list);
        bool ofRoot = authority.length == 0;
        (uint256 x, uint256 y) = (rootX, rootY);
        if (!ofRoot) {
            X509.Certificate memory issuer = _readAuthority(authority);
            (x, y) = (issuer.x, issuer.y);
        }
        if (!P256.verify(parsed.digest, parsed.r, parsed.s, x, y)) revert X509.BadCertificateSignature();
        if (parsed.thisUpdate > block.timestamp) revert ListNotValidYet(parsed.thisUpdate);
        uint256 at = parsed.entriesStart;
        while (at < parsed.entriesEnd) {
            uint256 serial;
            (serial, at) = X509.entry(list, at, parsed.entriesEnd);
            bytes32 certificate = _certificateId(x, y, serial);
            if (ofRoot) {
                _authorityRevoked[_indexOf(certificate)] = true;
            } else {
                _pck[certificate].revoked = true;
            }
            emit CertificateRevocationPosted(certificate, serial);
        }
    }

    // VIEWS

    /// @notice Verifies a quote by a registered platform: signatures, revocation, TCB floor, guest image, debug off. Reverts
    /// unless all is well. Whether its report data is what it should be is the caller's question.
    /// @param quote A TDX quote; what follows the quoting enclave's authentication data may be left out.
    function verify(bytes32 key, bytes calldata quote)
        external
        view
        returns (bytes32 platform, TdxQuote.Evidence memory evidence)
    {
        PckKey memory pck = _pck[key];
        platform = pck.platform;
        if (platform == 0) revert UnknownPckKey(key);
        if (pck.revoked || _authorityRevoked[pck.authority]) revert CertificateRevoked(key);
        if (block.timestamp > pck.notAfter) revert CertificateNotValidNow(0, pck.notAfter);
        evidence = TdxQuote.verify(quote, pck.x, pck.y);
        _checkFloor(pck, evidence);
        if (rolesOf[evidence.image] & GUEST == 0) revert ImageNotAllowed(evidence.image);
    }

    function pckKeyOf(bytes32 key) external view returns (PckKey memory) {
        return _pck[key];
    }

    function floorOf(bytes6 fmspc) external view returns (Floor memory) {
        return _floor[fmspc];
    }

    // GOVERNANCE

    /// @notice Sets the TCB floor of a family of platforms. An expiry in the past shuts the family out.
    function setFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        _floor[fmspc] = floor;
        emit TcbFloorSet(fmspc, floor);
    }

    /// @notice Sets what a guest image may do: `GUEST`, `VERIFIER`, both, or 0 for nothing.
    function setImage(bytes32 image, uint8 roles) external onlyOwner {
        rolesOf[image] = roles;
        emit ImageSet(image, roles);
    }

    // INTERNAL

    function _checkFloor(PckKey memory pck, TdxQuote.Evidence memory evidence) private view {
        Floor memory floor = _floor[pck.fmspc];
        if (floor.expiry == 0) revert NoTcbFloor(pck.fmspc);
        if (block.timestamp > floor.expiry) revert TcbFloorExpired(pck.fmspc, floor.expiry);
        uint256 version = uint8(evidence.teeTcbSvn[1]);
        bool reached = pck.pceSvn >= floor.pceSvn && evidence.qeSvn >= floor.qeSvn && version < 8
            && uint8(floor.moduleSvns[version]) != 255
            && uint8(evidence.teeTcbSvn[0]) >= uint8(floor.moduleSvns[version])
            && _reaches(pck.componentSvns, floor.componentSvns, 0) && _reaches(evidence.teeTcbSvn, floor.tdxSvns, 2);
        if (!reached) revert TcbBelowFloor(pck.fmspc);
    }

    function _reaches(bytes16 svns, bytes16 least, uint256 from) private pure returns (bool) {
        for (uint256 i = from; i < 16; ++i) {
            if (uint8(svns[i]) < uint8(least[i])) return false;
        }
        return true;
    }

    function _readAuthority(bytes calldata der) private view returns (X509.Certificate memory c) {
        c = X509.parse(der, 0);
        if (!c.isAuthority) revert NotAnAuthority();
        X509.checkSignature(c, rootX, rootY);
        _checkTime(c);
        bytes32 id = _certificateId(rootX, rootY, c.serial);
        if (_authorityRevoked[_authorityIndex[id]]) revert CertificateRevoked(id);
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
