import { ByteReader, isZero } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

/** Length of an SGX report body, also the quoting enclave's. */
const ENCLAVE_REPORT_BYTES = 384
const TD_REPORT_BYTES = 584
const TD15_REPORT_BYTES = 648
const ECDSA_P256 = 2
const TEE_SGX = 0
const TEE_TDX = 0x81
const QE_REPORT_CERTIFICATION = 6
const MAX_QUOTE_BYTES = 64 * 1024

/**
 * An SGX report body (Intel SGX Developer Reference, `sgx_report_body_t`; DCAP Quote Library Reference,
 * table 5).
 */
export interface EnclaveReport {
  cpuSvn: Uint8Array
  miscSelect: number
  /** 16 bytes; bit 1 of the first is debug. */
  attributes: Uint8Array
  mrEnclave: Uint8Array
  mrSigner: Uint8Array
  isvProdId: number
  isvSvn: number
  /** 64 bytes. */
  reportData: Uint8Array
}

/** A TD report body (Intel TDX DCAP Quoting Library API, section 3.4: TD quote body, 1.0 and 1.5). */
export interface TdReport {
  /** 16 bytes: module SVN, module version, then the platform's. */
  teeTcbSvn: Uint8Array
  mrSeam: Uint8Array
  mrSignerSeam: Uint8Array
  seamAttributes: Uint8Array
  /** 8 bytes, bit 0 of the first is debug. */
  tdAttributes: Uint8Array
  xfam: Uint8Array
  mrTd: Uint8Array
  mrConfigId: Uint8Array
  mrOwner: Uint8Array
  mrOwnerConfig: Uint8Array
  rtmr: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  reportData: Uint8Array
  /** TD 1.5 only. */
  teeTcbSvn2: Uint8Array | undefined
  mrServiceTd: Uint8Array | undefined
}

type QuoteBody = { kind: 'sgx'; report: EnclaveReport } | { kind: 'tdx'; report: TdReport }

/** A quote whose every bound was checked; nothing of it is verified yet. */
export interface Quote {
  version: 3 | 4 | 5
  qeVendorId: Uint8Array
  body: QuoteBody
  /** Header and body: what the attestation key signed. */
  signed: Uint8Array
  /** r ‖ s. */
  signature: Uint8Array
  /** x ‖ y of a P-256 point. */
  attestationKey: Uint8Array
  qeReport: EnclaveReport
  /** The same as bytes: what the PCK key signed. */
  qeReportBytes: Uint8Array
  qeReportSignature: Uint8Array
  qeAuthData: Uint8Array
  /** 5: a PEM chain; 1 to 4: references to a PCK certificate that is not in the quote. */
  certificationType: number
  certificationData: Uint8Array
}

/**
 * Reads an SGX quote of version 3 or a TDX quote of version 4 or 5 (Intel SGX DCAP Quote Library API,
 * appendix A; Intel TDX DCAP Quoting Library API, appendix A). After the signature only zero bytes may
 * follow, as quoting services return buffers of a fixed size. Throws `truncated`, `unsupported-quote` or
 * `bad-quote`.
 */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length > MAX_QUOTE_BYTES)
    throw new EvidenceError('bad-quote', `The quote is longer than ${MAX_QUOTE_BYTES} bytes.`)
  const reader = new ByteReader(bytes, 'The quote')
  const version = reader.u16()
  const keyType = reader.u16()
  const teeType = reader.u32()
  // Two SVNs that are repeated in signed form elsewhere, and nothing decides by.
  reader.take(4)
  const qeVendorId = reader.take(16)
  reader.take(20)
  if (version !== 3 && version !== 4 && version !== 5)
    throw new EvidenceError(
      'unsupported-quote',
      `The quote is of version ${version}; versions 3, 4 and 5 are known.`,
    )
  if (teeType !== (version === 3 ? TEE_SGX : TEE_TDX))
    throw new EvidenceError(
      'unsupported-quote',
      `A quote of version ${version} can not be of TEE type 0x${teeType.toString(16)}.`,
    )
  if (keyType !== ECDSA_P256)
    throw new EvidenceError(
      'unsupported-quote',
      `The quote is signed by a key of type ${keyType}; only 2, ECDSA on P-256, is known.`,
    )
  const body = readBody(reader, version)
  const signed = bytes.subarray(0, reader.offset)

  const data = new ByteReader(reader.take(reader.u32()), 'The quote’s signature data')
  if (!isZero(reader.take(reader.left)))
    throw new EvidenceError('bad-quote', 'The quote is followed by something other than zero bytes.')
  const signature = data.take(64)
  const attestationKey = data.take(64)
  const certification = version === 3 ? data : openCertification(data)
  const qeReportBytes = certification.take(ENCLAVE_REPORT_BYTES)
  const qeReportSignature = certification.take(64)
  const qeAuthData = certification.take(certification.u16())
  const certificationType = certification.u16()
  const certificationData = certification.take(certification.u32())
  if (certification.left > 0 || data.left > 0)
    throw new EvidenceError('bad-quote', 'The quote’s signature data holds more than its parts.')
  return {
    version,
    qeVendorId,
    body,
    signed,
    signature,
    attestationKey,
    qeReport: readEnclaveReport(new ByteReader(qeReportBytes, 'The quoting enclave’s report')),
    qeReportBytes,
    qeReportSignature,
    qeAuthData,
    certificationType,
    certificationData,
  }
}

/** From version 4 on, the enclave's report and chain are inside certification data of type 6. */
function openCertification(data: ByteReader): ByteReader {
  const type = data.u16()
  if (type !== QE_REPORT_CERTIFICATION)
    throw new EvidenceError(
      'bad-quote',
      `The quote carries certification data of type ${type}; type 6 belongs there.`,
    )
  return new ByteReader(data.take(data.u32()), 'The quote’s certification data')
}

function readBody(reader: ByteReader, version: 3 | 4 | 5): QuoteBody {
  if (version === 3) return { kind: 'sgx', report: readEnclaveReport(reader) }
  if (version === 4) return { kind: 'tdx', report: readTdReport(reader, false) }
  const type = reader.u16()
  const size = reader.u32()
  if (type !== 2 && type !== 3)
    throw new EvidenceError(
      'unsupported-quote',
      `The quote’s body is of type ${type}; types 2 and 3 are known.`,
    )
  const wanted = type === 2 ? TD_REPORT_BYTES : TD15_REPORT_BYTES
  if (size !== wanted)
    throw new EvidenceError('bad-quote', `The quote’s body claims ${size} bytes; type ${type} has ${wanted}.`)
  return { kind: 'tdx', report: readTdReport(reader, type === 3) }
}

function readEnclaveReport(reader: ByteReader): EnclaveReport {
  const cpuSvn = reader.take(16)
  const miscSelect = reader.u32()
  reader.take(28)
  const attributes = reader.take(16)
  const mrEnclave = reader.take(32)
  reader.take(32)
  const mrSigner = reader.take(32)
  reader.take(96)
  const isvProdId = reader.u16()
  const isvSvn = reader.u16()
  reader.take(60)
  return {
    cpuSvn,
    miscSelect,
    attributes,
    mrEnclave,
    mrSigner,
    isvProdId,
    isvSvn,
    reportData: reader.take(64),
  }
}

function readTdReport(reader: ByteReader, is15: boolean): TdReport {
  return {
    teeTcbSvn: reader.take(16),
    mrSeam: reader.take(48),
    mrSignerSeam: reader.take(48),
    seamAttributes: reader.take(8),
    tdAttributes: reader.take(8),
    xfam: reader.take(8),
    mrTd: reader.take(48),
    mrConfigId: reader.take(48),
    mrOwner: reader.take(48),
    mrOwnerConfig: reader.take(48),
    rtmr: [reader.take(48), reader.take(48), reader.take(48), reader.take(48)],
    reportData: reader.take(64),
    teeTcbSvn2: is15 ? reader.take(16) : undefined,
    mrServiceTd: is15 ? reader.take(48) : undefined,
  }
}
