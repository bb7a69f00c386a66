// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Der} from "./Der.sol";
import {P256} from "./P256.sol";

/// @title X.509 certificates and revocation lists signed with ECDSA on P-256 (RFC 5280)
library X509 {
    /// @notice What stands at `offset` is not what a certificate, or a revocation list, has there.
    error BadCertificate(uint256 offset);
    /// @notice The issuer's key didn't sign the certificate or list.
    error BadCertificateSignature();
    /// @notice An extension is marked critical that is not understood here.
    error UnknownCriticalExtension(uint256 offset);

    struct Certificate {
        /// SHA-256 of what the issuer signed.
        bytes32 digest;
        uint256 r;
        uint256 s;
        uint256 serial;
        /// Hashes of the names' DER.
        bytes32 issuer;
        bytes32 subject;
        /// Unix seconds, both included.
        uint256 notBefore;
        uint256 notAfter;
        /// Public key, a point of P-256.
        uint256 x;
        uint256 y;
        bool isAuthority;
        /// Contents of the extension asked for; both zero if it isn't there.
        uint256 extensionStart;
        uint256 extensionEnd;
    }

    struct RevocationList {
        bytes32 digest;
        uint256 r;
        uint256 s;
        bytes32 issuer;
        uint256 thisUpdate;
        uint256 nextUpdate;
        /// The list's entries; both zero if it is empty.
        uint256 entriesStart;
        uint256 entriesEnd;
    }

    /// AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758, section 3.2).
    bytes32 private constant ECDSA_SHA256 = keccak256(hex"300a06082a8648ce3d040302");
    /// SubjectPublicKeyInfo of a P-256 point (RFC 5480), up to the uncompressed point's first byte.
    bytes27 private constant P256_KEY = hex"3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    bytes32 private constant BASIC_CONSTRAINTS = keccak256(hex"551d13");
    bytes32 private constant KEY_USAGE = keccak256(hex"551d0f");

    /// @notice Reads a certificate. `extension` is the hash of the contents of an object identifier of
    /// interest, or zero.
    function parse(bytes calldata der, bytes32 extension) internal pure returns (Certificate memory c) {
        uint256 at;
        uint256 limit;
        {
            (uint256 outer, uint256 outerEnd) = Der.expect(der, 0, der.length, Der.SEQUENCE);
            if (outerEnd != der.length) revert Der.BadDer(0);
            (at, limit) = Der.expect(der, outer, outerEnd, Der.SEQUENCE);
            c.digest = sha256(der[outer:limit]);
            (c.r, c.s) = _signatureAfter(der, limit, outerEnd);
        }
        at = _version(der, at, limit);
        (c.serial, at) = Der.unsigned(der, at, limit);
        at = _ecdsa(der, at, limit);
        uint256 end;
        (, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        c.issuer = keccak256(der[at:end]);
        (c.notBefore, c.notAfter, at) = _validity(der, end, limit);
        (, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        c.subject = keccak256(der[at:end]);
        (c.x, c.y, at) = _publicKey(der, end, limit);
        _extensions(der, at, limit, extension, c);
    }

    /// @notice Reads a revocation list of version 2.
    function parseList(bytes calldata der) internal pure returns (RevocationList memory list) {
        (uint256 outer, uint256 outerEnd) = Der.expect(der, 0, der.length, Der.SEQUENCE);
        if (outerEnd != der.length) revert Der.BadDer(0);
        (uint256 at, uint256 limit) = Der.expect(der, outer, outerEnd, Der.SEQUENCE);
        list.digest = sha256(der[outer:limit]);
        (list.r, list.s) = _signatureAfter(der, limit, outerEnd);
        uint256 version;
        (version, at) = Der.unsigned(der, at, limit);
        if (version != 1) revert BadCertificate(at);
        at = _ecdsa(der, at, limit);
        (, uint256 end) = Der.expect(der, at, limit, Der.SEQUENCE);
        list.issuer = keccak256(der[at:end]);
        (list.thisUpdate, at) = Der.time(der, end, limit);
        (list.nextUpdate, at) = Der.time(der, at, limit);
        if (at < limit && der[at] == bytes1(Der.SEQUENCE)) {
            (list.entriesStart, list.entriesEnd) = Der.expect(der, at, limit, Der.SEQUENCE);
        }
    }

    /// @notice The serial number of the list's entry at `at`, and where the next one starts.
    function entry(bytes calldata der, uint256 at, uint256 limit)
        internal
        pure
        returns (uint256 serial, uint256 end)
    {
        uint256 start;
        (start, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        (serial,) = Der.unsigned(der, start, end);
    }

    /// @notice Reverts unless the key (x, y) signed the certificate.
    function checkSignature(Certificate memory c, uint256 x, uint256 y) internal view {
        if (!P256.verify(c.digest, c.r, c.s, x, y)) revert BadCertificateSignature();
    }

    /// @dev The outer algorithm and the signature, which must end the structure.
    function _signatureAfter(bytes calldata der, uint256 at, uint256 limit)
        private
        pure
        returns (uint256 r, uint256 s)
    {
        return Der.signature(der, _ecdsa(der, at, limit), limit);
    }

    function _ecdsa(bytes calldata der, uint256 at, uint256 limit) private pure returns (uint256 end) {
        (, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        if (keccak256(der[at:end]) != ECDSA_SHA256) revert BadCertificate(at);
    }

    function _version(bytes calldata der, uint256 at, uint256 limit) private pure returns (uint256) {
        // [0] EXPLICIT INTEGER 2: version 3.
        if (at + 5 > limit || bytes5(der[at:at + 5]) != hex"a003020102") revert BadCertificate(at);
        return at + 5;
    }

    function _validity(bytes calldata der, uint256 at, uint256 limit)
        private
        pure
        returns (uint256 notBefore, uint256 notAfter, uint256 end)
    {
        uint256 start;
        (start, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        (notBefore, start) = Der.time(der, start, end);
        (notAfter, start) = Der.time(der, start, end);
        if (start != end) revert BadCertificate(at);
    }

    function _publicKey(bytes calldata der, uint256 at, uint256 limit)
        private
        pure
        returns (uint256 x, uint256 y, uint256 end)
    {
        end = at + 91;
        if (end > limit || bytes27(der[at:at + 27]) != P256_KEY) revert BadCertificate(at);
        x = uint256(bytes32(der[at + 27:at + 59]));
        y = uint256(bytes32(der[at + 59:end]));
    }

    function _extensions(bytes calldata der, uint256 at, uint256 limit, bytes32 wanted, Certificate memory c)
        private
        pure
    {
        uint256 end;
        // [3] EXPLICIT SEQUENCE, the last field of all.
        (at, end) = Der.expect(der, at, limit, 0xa3);
        if (end != limit) revert BadCertificate(at);
        (at, end) = Der.expect(der, at, limit, Der.SEQUENCE);
        if (end != limit) revert BadCertificate(at);
        while (at < limit) {
            uint256 start;
            (start, end) = Der.expect(der, at, limit, Der.SEQUENCE);
            _extension(der, start, end, wanted, c);
            at = end;
        }
    }

    function _extension(bytes calldata der, uint256 at, uint256 limit, bytes32 wanted, Certificate memory c)
        private
        pure
    {
        (uint256 start, uint256 end) = Der.expect(der, at, limit, Der.OBJECT_IDENTIFIER);
        bytes32 oid = keccak256(der[start:end]);
        bool critical;
        if (end < limit && der[end] == bytes1(Der.BOOLEAN)) {
            (start, end) = Der.expect(der, end, limit, Der.BOOLEAN);
            critical = true;
        }
        (start, end) = Der.expect(der, end, limit, Der.OCTET_STRING);
        if (end != limit) revert BadCertificate(at);
        if (oid == BASIC_CONSTRAINTS) {
            (start, end) = Der.expect(der, start, end, Der.SEQUENCE);
            c.isAuthority = end - start >= 3 && bytes3(der[start:start + 3]) == hex"0101ff";
        } else if (oid == wanted) {
            if (c.extensionEnd != 0) revert BadCertificate(at);
            (c.extensionStart, c.extensionEnd) = (start, end);
        } else if (critical && oid != KEY_USAGE) {
            revert UnknownCriticalExtension(at);
        }
    }
}
