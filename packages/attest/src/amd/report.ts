import { ByteReader } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'

/** Length of an attestation report, its signature included. */
const REPORT_BYTES = 1184
const SIGNED_BYTES = 0x2a0
const ECDSA_P384_SHA384 = 1

/** Security version numbers of one TCB (SEV-SNP ABI, table 3; Turin's order has FMC first). */
export interface TcbVersion {
  fmc: number
  bootLoader: number
  tee: number
  snp: number
  microcode: number
}

/**
 * An attestation report of a guest (SEV Secure Nested Paging Firmware ABI Specification, table 23), versions
 * 2 to 5.
 */
export interface SnpReport {
  version: number
  policy: bigint
  vmpl: number
  /** Which key signed: 0 VCEK, 1 VLEK. */
  signingKey: number
  /** The chip id was left out of the report. */
  isChipIdMasked: boolean
  /** 64 bytes. */
  reportData: Uint8Array
  /** 48 bytes: what the guest was launched with. */
  measurement: Uint8Array
  /** 32 bytes the host chose at launch. */
  hostData: Uint8Array
  idKeyDigest: Uint8Array
  reportedTcb: Uint8Array
  committedTcb: Uint8Array
  /** Family of the processor, from version 3 on; 0x1a is Turin. */
  family: number | undefined
  /** Model of the processor, with `family`. */
  model: number | undefined
  /** 64 bytes. */
  chipId: Uint8Array
  /** What was signed. */
  signed: Uint8Array
  /** r ‖ s, big endian, 48 bytes each. */
  signature: Uint8Array
}

/** Reads a report. Throws `bad-report` or `truncated`. */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== REPORT_BYTES)
    throw new EvidenceError(
      'bad-report',
      `The SNP report has ${bytes.length} bytes; it should have ${REPORT_BYTES}.`,
    )
  const at = (offset: number, length: number) => bytes.subarray(offset, offset + length)
  const reader = (offset: number) => new ByteReader(bytes.subarray(offset), 'The SNP report')
  const version = reader(0).u32()
  if (version < 2 || version > 5)
    throw new EvidenceError(
      'bad-report',
      `The SNP report is of version ${version}; versions 2 to 5 are known.`,
    )
  if (reader(0x34).u32() !== ECDSA_P384_SHA384)
    throw new EvidenceError('bad-report', 'The SNP report is signed in another way than ECDSA on P-384.')
  const flags = reader(0x48).u32()
  return {
    version,
    policy: reader(0x08).u64(),
    vmpl: reader(0x30).u32(),
    signingKey: (flags >> 2) & 7,
    isChipIdMasked: (flags & 2) !== 0,
    reportData: at(0x50, 64),
    measurement: at(0x90, 48),
    hostData: at(0xc0, 32),
    idKeyDigest: at(0xe0, 48),
    reportedTcb: at(0x180, 8),
    committedTcb: at(0x1e0, 8),
    family: version >= 3 ? bytes[0x188] : undefined,
    model: version >= 3 ? bytes[0x189] : undefined,
    chipId: at(0x1a0, 64),
    signed: at(0, SIGNED_BYTES),
    signature: readSignature(at(SIGNED_BYTES, 144)),
  }
}

/** Splits a TCB version; the order of its bytes depends on the processor. */
export function tcbVersion(bytes: Uint8Array, isTurin: boolean): TcbVersion {
  const [a = 0, b = 0, c = 0, d = 0, , , g = 0, h = 0] = bytes
  return isTurin
    ? { fmc: a, bootLoader: b, tee: c, snp: d, microcode: h }
    : { fmc: 0, bootLoader: a, tee: b, snp: g, microcode: h }
}

/** Two numbers of 72 bytes, little endian, whose upper 24 bytes are zero. */
function readSignature(bytes: Uint8Array): Uint8Array {
  const signature = new Uint8Array(96)
  for (const index of [0, 1]) {
    const number = bytes.subarray(index * 72, index * 72 + 72)
    if (!number.subarray(48).every((byte) => byte === 0))
      throw new EvidenceError('bad-report', 'The signature of the SNP report is out of range.')
    signature.set(number.slice(0, 48).reverse(), index * 48)
  }
  return signature
}
