import { parseCertificateTable } from '../amd/certificate-table.ts'
import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

import { readPem, toPem } from '../x509/pem.ts'
import { kindOfQuote, readCertificateDocument } from './certificate.ts'
import { bareDocument, type EvidenceDocument, unreadable } from './document.ts'
import { GetQuoteAnswer, isBundledAttestation, readBundledAttestation, readGetQuote } from './dstack.ts'
import { decodeText } from './encoding.ts'
import { AciReport, readAciReport, readInferenceReport } from './inference.ts'

const MAX_BYTES = 16 * 1024 * 1024
const MAX_DEPTH = 3
const SNP_REPORT_BYTES = 1184
const QUOTE_HEAD = /^0[345]000200(00|81)000000/
/** COSE_Sign1 (RFC 9052, section 4.2): an array of four, with or without its tag. */
const COSE_HEAD = /^(d2)?84(4|58)/
const KNOWN = [
  'a quote (raw, hexadecimal digits or base64)',
  'dstack’s getQuote answer or bundled attestation',
  'an SEV-SNP report with or without its certificates',
  'a Nitro document (COSE)',
  'an RA-TLS certificate',
  'an attestation report of a private inference service',
].join(', ')

/**
 * Takes the evidence out of a file, whatever form it has: tells what it is by what is in it. `nonce`: the
 * number that the one who asks chose, in hexadecimal digits, which some forms need. Throws `bad-document`,
 * `no-evidence`, or what reading a part throws. Nothing is verified.
 */
export async function readEvidenceDocuments(
  bytes: Uint8Array,
  { nonce }: { nonce?: string } = {},
): Promise<EvidenceDocument[]> {
  if (bytes.length > MAX_BYTES)
    throw new EvidenceError('bad-document', `The evidence is longer than ${MAX_BYTES} bytes.`)
  return read(bytes, nonce, 0)
}

async function read(
  bytes: Uint8Array,
  nonce: string | undefined,
  depth: number,
): Promise<EvidenceDocument[]> {
  const binary = await readBinary(bytes)
  if (binary) return [binary]
  const text = textOf(bytes)?.trim()
  if (text === undefined || text === '' || depth === MAX_DEPTH) throw unknown()
  if (text.includes('-----BEGIN CERTIFICATE-----')) {
    const [first] = readPem(text, 'The certificate')
    return [await readCertificateDocument(first as Uint8Array)]
  }
  if (/^[[{"]/.test(text)) return readJson(text, nonce, depth)
  const decoded = decodeText(text)
  if (!decoded) throw unknown()
  return read(decoded, nonce, depth + 1)
}

async function readBinary(bytes: Uint8Array): Promise<EvidenceDocument | undefined> {
  const head = toHex(bytes.subarray(0, 8))
  if (QUOTE_HEAD.test(head)) {
    const kind = kindOfQuote(bytes)
    return bareDocument(`${kind === 'tdx' ? 'TDX' : 'SGX'} quote`, kind, bytes)
  }
  if (COSE_HEAD.test(head)) return bareDocument('COSE document', 'nitro', bytes)
  if (/^0[2345]000000/.test(head) && bytes.length >= SNP_REPORT_BYTES) return readSnp(bytes)
  if (bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80) return readCertificateDocument(bytes)
  if (isBundledAttestation(bytes)) return readBundledAttestation(bytes)
  return undefined
}

/**
 * A report, with the host's table of certificates behind it where there is one (SNP extended guest request).
 */
function readSnp(bytes: Uint8Array): EvidenceDocument {
  const report = bytes.subarray(0, SNP_REPORT_BYTES)
  const rest = bytes.subarray(SNP_REPORT_BYTES)
  if (rest.length === 0) return bareDocument('SEV-SNP report', 'sev-snp', report)
  const text = textOf(rest)
  if (text?.includes('-----BEGIN CERTIFICATE-----'))
    return { ...bareDocument('SEV-SNP report with certificates', 'sev-snp', report), certificates: text }
  const { vcek, vlek, ask, ark } = parseCertificateTable(rest)
  const chain = [vcek ?? vlek, ask, ark].filter((der) => der !== undefined)
  return {
    ...bareDocument('SEV-SNP report with the host’s certificates', 'sev-snp', report),
    certificates: chain.map(toPem).join(''),
  }
}

async function readJson(text: string, nonce: string | undefined, depth: number): Promise<EvidenceDocument[]> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw unreadable('JSON', 'it is not well-formed', cause)
  }
  if (typeof value === 'string') return read(new TextEncoder().encode(value), nonce, depth + 1)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unknown()
  const aci = AciReport.safeParse(value)
  if (aci.success) return [await readAciReport(aci.data, nonce)]
  if ('intel_quote' in value || 'gateway_attestation' in value || 'model_attestations' in value)
    return readInferenceReport(value)
  const answer = GetQuoteAnswer.safeParse(value)
  if (answer.success) return [readGetQuote(answer.data)]
  // dstack's `Attest`, a Nitro enclave's helper, and the like: one member that is the evidence.
  for (const name of ['attestation', 'attestation_document', 'document', 'report', 'evidence']) {
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'string') return read(new TextEncoder().encode(member), nonce, depth + 1)
  }
  throw unknown()
}

/** Bytes as text, where they are that and nothing else. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what tells binary files
    return /[\x00-\x08\x0e-\x1f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

function unknown(): EvidenceError {
  return new EvidenceError('no-evidence', `There is no evidence of a known form in it. Known: ${KNOWN}.`)
}
