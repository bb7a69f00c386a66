import { EvidenceError } from '../errors.ts'

/** What the report data of a piece of evidence should be, by the document it came in. */
export interface Binding {
  /** What is bound, in words: `the key of the certificate`. */
  what: string
  /** Report data in hexadecimal digits, 64 bytes each; any of them will do. */
  accepted: string[]
  /** Where that is laid down. */
  source: string
}

/** A GPU's own report with the certificates of its key. */
export interface GpuDocument {
  report: Uint8Array
  /** PEM, the GPU's own first. */
  certificates: string
}

/** One piece of evidence, taken out of whatever file it came in. Nothing of it is verified yet. */
export interface EvidenceDocument {
  /** How it came, in words: `raw TDX quote`. */
  form: string
  kind: 'tdx' | 'sgx' | 'sev-snp' | 'nitro'
  /** The quote, report or document itself. */
  evidence: Uint8Array
  /** For SEV-SNP: the chip's certificates in PEM, its own first, where they came along. */
  certificates?: string
  /** dstack's event log, JSON. */
  eventLog?: string
  /** The log leaves out what firmware and kernel measured, as bundled attestations do. */
  isBundled?: true
  /** dstack's app-compose.json, byte for byte. */
  compose?: Uint8Array
  /** The number that the one who asked chose, in hexadecimal digits. */
  nonce?: string
  bindings: Binding[]
  gpus: GpuDocument[]
  /** What the document says of itself, which no hardware vouches for. */
  claims: Record<string, string>
}

/** Report data as hardware holds it: 64 bytes, zeros at the end. */
export function padded(hex: string): string {
  return hex.toLowerCase().padEnd(128, '0')
}

/** A document with nothing but its evidence. */
export function bareDocument(
  form: string,
  kind: EvidenceDocument['kind'],
  evidence: Uint8Array,
): EvidenceDocument {
  return { form, kind, evidence, bindings: [], gpus: [], claims: {} }
}

/** The error for a file that is of a known form and yet can't be read. */
export function unreadable(form: string, why: string, cause?: unknown): EvidenceError {
  return new EvidenceError('bad-document', `It looks like ${form}, but ${why}.`, { cause })
}
