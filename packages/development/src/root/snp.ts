import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { SnpEndorsements } from '@cloister/attest'
import { ASN1Construction, ASN1TagClass, DERElement } from 'asn1-ts'
import { type Certified, certify, newKey, toPem } from './certificates.ts'

const AMD_OID = '1.3.6.1.4.1.3704.1'
/**
 * Versions of boot loader, TEE, SNP firmware and microcode, with their extensions and places in a TCB
 * version.
 */
const TCB = [
  { oid: `${AMD_OID}.3.1`, svn: 4, at: 0 },
  { oid: `${AMD_OID}.3.2`, svn: 0, at: 1 },
  { oid: `${AMD_OID}.3.3`, svn: 23, at: 6 },
  { oid: `${AMD_OID}.3.8`, svn: 84, at: 7 },
]
const REPORT_BYTES = 1184
const SIGNED_BYTES = 0x2a0
const GENOA_FAMILY = 0x19
const GENOA_MODEL = 0x11

/** What may differ between reports; the rest is as it should be. */
export interface SnpVariations {
  /** What the guest was launched with, 48 bytes. */
  measurement?: Uint8Array
  debug?: boolean
}

/** The guest of development SNP machines: a measurement of nothing but its name. */
export function developmentSnpGuest(name = 'cloister development guest'): Uint8Array {
  return new Uint8Array(createHash('sha384').update(`${name}: SEV-SNP`).digest())
}

/**
 * An SNP machine made of software: reports in the format of real ones, version 3, under a development root.
 * Protects nothing.
 */
export class DevelopmentSnpPlatform {
  readonly chipId: Uint8Array
  private readonly key: KeyObject
  private readonly certificates: string
  private readonly revocations: () => Promise<Uint8Array>

  private constructor(
    chipId: Uint8Array,
    key: KeyObject,
    certificates: string,
    revocations: () => Promise<Uint8Array>,
  ) {
    this.chipId = chipId
    this.key = key
    this.certificates = certificates
    this.revocations = revocations
  }

  /** `seed`: the same machine every time, but for its key; `revocations` makes the root's list. */
  static async manufacture(
    authority: Certified,
    root: Uint8Array,
    revocations: () => Promise<Uint8Array>,
    seed: Uint8Array = randomBytes(32),
  ): Promise<DevelopmentSnpPlatform> {
    const chipId = new Uint8Array(
      createHash('sha512').update('cloister development chip').update(seed).digest(),
    )
    const key = newKey('P-384')
    const extensions = [
      ...TCB.map(({ oid, svn }) => ({ oid, value: integer(svn) })),
      { oid: `${AMD_OID}.4`, value: new Uint8Array(chipId) },
    ]
    const vcek = await certify('Development VCEK', key, authority, 'entity', extensions)
    return new DevelopmentSnpPlatform(
      chipId,
      key,
      toPem(vcek.certificate, authority.certificate, root),
      revocations,
    )
  }

  /** A report over 64 bytes of report data. */
  report(
    reportData: Uint8Array,
    { measurement = developmentSnpGuest(), debug = false }: SnpVariations = {},
  ): Uint8Array {
    if (reportData.length !== 64) throw new RangeError('report data has 64 bytes')
    const report = Buffer.alloc(REPORT_BYTES)
    report.writeUInt32LE(3, 0)
    // SMT is bit 16, the bit that is always one 17, debug 19.
    report.writeBigUInt64LE((1n << 17n) | (1n << 16n) | (debug ? 1n << 19n : 0n), 0x08)
    report.writeUInt32LE(1, 0x34)
    report.set(reportData, 0x50)
    report.set(measurement, 0x90)
    for (const { svn, at } of TCB) for (const field of [0x38, 0x180, 0x1e0]) report[field + at] = svn
    report[0x188] = GENOA_FAMILY
    report[0x189] = GENOA_MODEL
    report.set(this.chipId, 0x1a0)
    const signature = sign('sha384', report.subarray(0, SIGNED_BYTES), {
      key: this.key,
      dsaEncoding: 'ieee-p1363',
    })
    for (const index of [0, 1])
      report.set(
        Buffer.from(signature.subarray(index * 48, index * 48 + 48)).reverse(),
        SIGNED_BYTES + index * 72,
      )
    return new Uint8Array(report)
  }

  /** Certificates and revocation list, as AMD's key service gives them. */
  async endorsements(): Promise<SnpEndorsements> {
    return {
      certificates: this.certificates,
      revocationList: Buffer.from(await this.revocations()).toString('hex'),
    }
  }
}

function integer(value: number): Uint8Array<ArrayBuffer> {
  const content = value < 0x80 ? Uint8Array.of(value) : Uint8Array.of(0, value)
  return new Uint8Array(
    new DERElement(ASN1TagClass.universal, ASN1Construction.primitive, 2, content).toBytes(),
  )
}
