// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {P256} from "./P256.sol";

/// @title Intel TDX quotes of version 4 and 5
/// @dev Intel TDX DCAP Quoting Library API, appendix A. Offsets in bytes, numbers little endian. Only the
/// part up to the quoting enclave's authentication data is needed: the certificate chain behind it was
/// checked when the platform was registered.
library TdxQuote {
    /// @notice What stands at `offset` of the quote is not what a TDX quote has there.
    error BadQuote(uint256 offset);
    /// @notice The attestation key in the quote didn't sign it.
    error BadQuoteSignature();
    /// @notice The quoting enclave's report isn't signed by the platform's PCK key, doesn't name the
    /// attestation key, or isn't that of Intel's quoting enclave.
    error BadQuotingEnclave();
    /// @notice The guest runs in debug mode: its host can read its memory.
    error DebugGuest();
    /// @notice The TDX module isn't Intel's, a service TD is bound to the guest, or its attributes allow what
    /// isn't known to be safe.
    error UnsafeGuest();

    struct Evidence {
        /// Report data: what it binds, and the block hash that makes it fresh.
        bytes32 binding;
        bytes32 freshness;
        /// keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2): firmware, virtual hardware, kernel, command line and
        /// initial disk.
        bytes32 measurement;
        /// SVNs of the TDX module and its platform.
        bytes16 teeTcbSvn;
        uint16 qeSvn;
    }

    /// Version 4, ECDSA on P-256, TEE type 0x81.
    bytes8 private constant HEADER_V4 = hex"0400020081000000";
    bytes8 private constant HEADER_V5 = hex"0500020081000000";
    /// Intel as a vendor of quoting enclaves.
    bytes16 private constant INTEL = hex"939a7233f79c4ca9940a0db3957f0607";
    /// MRSIGNER and ISVPRODID of Intel's quoting enclave for TDX (PCS API v4, TD_QE identity).
    bytes32 private constant QE_SIGNER =
        hex"dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5";
    uint16 private constant QE_PRODUCT = 2;
    /// Bits that may be set in TDATTRIBUTES, read as a big-endian number of its bytes: SEPT_VE_DISABLE (28),
    /// PKS (30), KL (31), PERFMON (63).
    uint64 private constant KNOWN_ATTRIBUTES = 0x000000d000000080;
    uint64 private constant SEPT_VE_DISABLE = 0x0000001000000000;

    /// @notice Checks every signature of the quote under the PCK key (x, y), that debug is off and that no
    /// attribute is unsafe. Reverts otherwise. What is returned is what the hardware says; whether that is
    /// good enough is the caller's question.
    function verify(bytes calldata quote, uint256 x, uint256 y)
        internal
        view
        returns (Evidence memory evidence)
    {
        if (quote.length < 48) revert BadQuote(0);
        uint256 body = 48;
        uint256 end = 632;
        bytes8 header = bytes8(quote[0:8]);
        if (header == HEADER_V5) {
            if (quote.length < 54) revert BadQuote(48);
            // Body type (two bytes) and its size: 2 is TD 1.0 with 584 bytes, 3 is TD 1.5 with 648.
            bytes6 descriptor = bytes6(quote[48:54]);
            body = 54;
            if (descriptor == hex"020048020000") end = 638;
            else if (descriptor == hex"030088020000") end = 702;
            else revert BadQuote(48);
        } else if (header != HEADER_V4) {
            revert BadQuote(0);
        }
        if (bytes16(quote[12:28]) != INTEL) revert BadQuote(12);
        // Signature data up to the quoting enclave's authentication data: 4 + 64 + 64 + 6 + 384 + 64 + 2.
        if (quote.length < end + 588) revert BadQuote(end);
        _checkQuotingEnclave(quote, end, x, y, evidence);
        _readBody(quote, body, end, evidence);
    }

    function _checkQuotingEnclave(
        bytes calldata quote,
        uint256 end,
        uint256 x,
        uint256 y,
        Evidence memory evidence
    ) private view {
        uint256 key = end + 68;
        bool signed = P256.verify(
            sha256(quote[0:end]),
            _word(quote, end + 4),
            _word(quote, end + 36),
            _word(quote, key),
            _word(quote, key + 32)
        );
        if (!signed) revert BadQuoteSignature();
        // Certification data of type 6: the quoting enclave's report, signature and authentication data.
        uint256 report = key + 70;
        if (bytes2(quote[key + 64:key + 66]) != hex"0600") revert BadQuote(key + 64);
        // Its length, which the signature data's exceeds by signature, key and the certification data's own
        // head.
        if (_littleEndian32(quote, end) != _littleEndian32(quote, key + 66) + 134) revert BadQuote(end);
        if (!P256.verify(
                sha256(quote[report:report + 384]),
                _word(quote, report + 384),
                _word(quote, report + 416),
                x,
                y
            )) {
            revert BadQuotingEnclave();
        }
        uint256 authentication = report + 450;
        uint256 length = _littleEndian16(quote, authentication - 2);
        if (quote.length < authentication + length) revert BadQuote(authentication);
        bytes32 binding =
            sha256(bytes.concat(quote[key:key + 64], quote[authentication:authentication + length]));
        bool ours = bytes32(quote[report + 320:report + 352]) == binding && _word(quote, report + 352) == 0
            // Attributes: debug is bit 1 of the first byte.
            && uint8(quote[report + 48]) & 2 == 0 && bytes32(quote[report + 128:report + 160]) == QE_SIGNER
            && _littleEndian16(quote, report + 256) == QE_PRODUCT;
        if (!ours) revert BadQuotingEnclave();
        evidence.qeSvn = uint16(_littleEndian16(quote, report + 258));
    }

    function _readBody(bytes calldata quote, uint256 body, uint256 end, Evidence memory evidence)
        private
        pure
    {
        // MRSIGNERSEAM (48 bytes) and SEAMATTRIBUTES (8): zero for Intel's own module.
        if (bytes32(quote[body + 64:body + 96]) != 0 || bytes24(quote[body + 96:body + 120]) != 0) {
            revert UnsafeGuest();
        }
        uint64 attributes = uint64(bytes8(quote[body + 120:body + 128]));
        if (attributes >> 56 != 0) revert DebugGuest();
        if (attributes & ~KNOWN_ATTRIBUTES != 0 || attributes & SEPT_VE_DISABLE == 0) revert UnsafeGuest();
        // MRSERVICETD of TD 1.5, the last 48 bytes: no service TD may be bound.
        if (
            end - body == 648 && (bytes32(quote[end - 48:end - 16]) != 0 || bytes16(quote[end - 16:end]) != 0)
        ) {
            revert UnsafeGuest();
        }
        evidence.teeTcbSvn = bytes16(quote[body:body + 16]);
        evidence.measurement =
            keccak256(bytes.concat(quote[body + 136:body + 184], quote[body + 328:body + 472]));
        evidence.binding = bytes32(quote[body + 520:body + 552]);
        evidence.freshness = bytes32(quote[body + 552:body + 584]);
    }

    function _word(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return uint256(bytes32(quote[at:at + 32]));
    }

    function _littleEndian16(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return uint256(uint8(quote[at])) | (uint256(uint8(quote[at + 1])) << 8);
    }

    function _littleEndian32(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return _littleEndian16(quote, at) | (_littleEndian16(quote, at + 2) << 16);
    }
}
