import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ASN1Construction, ASN1TagClass, DERElement } from 'asn1-ts'
import * as z from 'zod'
import { type Certified, certify, exportKey, importKey, newKey, pointOf, toPem } from './certificates.ts'
import {
  developmentGuest,
  FMSPC,
  type GuestMeasurements,
  NEWEST_SVNS,
  QE_SIGNER,
  TEE_TCB_SVN,
} from './facts.ts'

const SGX_EXTENSION = '1.2.840.113741.1.13.1'
const INTEL_QE_VENDOR = '939a7233f79c4ca9940a0db3957f0607'
const PCE_SVN = 13
const QE_SVN = 4

/** What may differ between development platforms. */
export interface Manufactured {
  /** Sixteen component SVNs; the newest if not given. */
  svns?: readonly number[]
}

/** What may differ between quotes; the rest is as it should be. */
export interface QuoteVariations {
  guest?: GuestMeasurements
  /** Debug on. */
  debug?: boolean
}

const Stored = z.strictObject({
  ppid: z.base64(),
  pckKey: z.base64(),
  pck: z.base64(),
  authority: z.base64(),
  root: z.base64(),
})

/** A machine made of software: it quotes in the very format of a TDX platform, and protects nothing. */
export class DevelopmentPlatform {
  /** 16 bytes, its identity. */
  readonly ppid: Uint8Array
  /** In DER: the PCK certificate, its issuer, and the root. */
  readonly chain: readonly [Uint8Array, Uint8Array, Uint8Array]
  private readonly pckKey: KeyObject
  private readonly attestationKey = newKey()

  private constructor(ppid: Uint8Array, pckKey: KeyObject, chain: [Uint8Array, Uint8Array, Uint8Array]) {
    this.ppid = ppid
    this.pckKey = pckKey
    this.chain = chain
  }

  static async manufacture(
    authority: Certified,
    root: Uint8Array,
    { svns = NEWEST_SVNS }: Manufactured,
  ): Promise<DevelopmentPlatform> {
    const ppid = new Uint8Array(randomBytes(16))
    const pckKey = newKey()
    const extension = { oid: SGX_EXTENSION, value: sgxExtension(ppid, svns) }
    const pck = await certify('Development PCK Certificate', pckKey, authority, 'entity', [extension])
    return new DevelopmentPlatform(ppid, pckKey, [pck.certificate, authority.certificate, root])
  }

  /**
   * The platform that a folder keeps; `make` makes it on first use. Only the owner of the folder can read
   * it.
   */
  static async open(folder: string, make: () => Promise<DevelopmentPlatform>): Promise<DevelopmentPlatform> {
    const path = join(folder, 'development-platform.json')
    if (!existsSync(path)) {
      const made = await make()
      mkdirSync(folder, { recursive: true })
      writeFileSync(`${path}.new`, JSON.stringify(made.toStored(), null, 2), { mode: 0o600 })
      renameSync(`${path}.new`, path)
      return made
    }
    const { ppid, pckKey, pck, authority, root } = Stored.parse(JSON.parse(readFileSync(path, 'utf8')))
    return new DevelopmentPlatform(bytes(ppid), importKey(pckKey), [
      bytes(pck),
      bytes(authority),
      bytes(root),
    ])
  }

  /** A TDX quote of version 4 over 64 bytes of report data. */
  quote(
    reportData: Uint8Array,
    { guest = developmentGuest(), debug = false }: QuoteVariations = {},
  ): Uint8Array<ArrayBuffer> {
    if (reportData.length !== 64) throw new RangeError('report data has 64 bytes')
    const body = Buffer.concat([
      Buffer.from(`040002008100000000000000${INTEL_QE_VENDOR}`.padEnd(96, '0'), 'hex'),
      Buffer.from(TEE_TCB_SVN),
      Buffer.alloc(48 + 48 + 8),
      // SEPT_VE_DISABLE is bit 28, debug bit 0.
      Buffer.of(debug ? 1 : 0, 0, 0, 0x10, 0, 0, 0, 0),
      Buffer.from('e702060000000000', 'hex'),
      guest.mrtd,
      Buffer.alloc(3 * 48),
      ...guest.rtmr,
      reportData,
    ])
    const key = pointOf(this.attestationKey)
    const authentication = Buffer.from('a development platform: nothing is confidential')
    const report = this.quotingEnclaveReport(createHash('sha256').update(key).update(authentication).digest())
    const chain = Buffer.from(`${toPem(...this.chain)}\0`)
    const certification = Buffer.concat([
      report,
      signed(report, this.pckKey),
      u16(authentication.length),
      authentication,
      u16(5),
      u32(chain.length),
      chain,
    ])
    const data = Buffer.concat([
      signed(body, this.attestationKey),
      key,
      u16(6),
      u32(certification.length),
      certification,
    ])
    return new Uint8Array(Buffer.concat([body, u32(data.length), data]))
  }

  private quotingEnclaveReport(binding: Buffer): Buffer {
    const report = Buffer.alloc(384)
    report.set(Buffer.from('1100000000000000e700000000000000', 'hex'), 48)
    report.set(Buffer.from(QE_SIGNER, 'hex'), 128)
    report.writeUInt16LE(2, 256)
    report.writeUInt16LE(QE_SVN, 258)
    report.set(binding, 320)
    return report
  }

  private toStored(): z.infer<typeof Stored> {
    const [pck, authority, root] = this.chain
    return {
      ppid: base64(this.ppid),
      pckKey: exportKey(this.pckKey),
      pck: base64(pck),
      authority: base64(authority),
      root: base64(root),
    }
  }
}

/** Intel's extension of a PCK certificate (PCK Certificate and CRL Profile Specification, section 1.3.5). */
function sgxExtension(ppid: Uint8Array, svns: readonly number[]): Uint8Array<ArrayBuffer> {
  const components = svns.map((svn, index) => field(`2.${index + 1}`, integer(svn)))
  const tcb = sequence(
    ...components,
    field('2.17', integer(PCE_SVN)),
    field('2.18', octets(Uint8Array.from(svns))),
  )
  const fields = [
    field('1', octets(ppid)),
    field('2', tcb),
    field('3', octets(new Uint8Array(2))),
    field('4', octets(Buffer.from(FMSPC, 'hex'))),
  ]
  return new Uint8Array(sequence(...fields, field('5', der(10, Uint8Array.of(0)))).toBytes())
}

function field(identifier: string, value: DERElement): DERElement {
  const oid = Uint8Array.from([
    0x2a,
    0x86,
    0x48,
    0x86,
    0xf8,
    0x4d,
    0x01,
    0x0d,
    0x01,
    ...identifier.split('.').map(Number),
  ])
  return sequence(der(6, oid), value)
}

function integer(value: number): DERElement {
  return der(2, value < 0x80 ? Uint8Array.of(value) : Uint8Array.of(0, value))
}

function octets(value: Uint8Array): DERElement {
  return der(4, value)
}

function der(tag: number, value: Uint8Array): DERElement {
  return new DERElement(ASN1TagClass.universal, ASN1Construction.primitive, tag, new Uint8Array(value))
}

function sequence(...elements: DERElement[]): DERElement {
  const contents = new Uint8Array(Buffer.concat(elements.map((element) => element.toBytes())))
  return new DERElement(ASN1TagClass.universal, ASN1Construction.constructed, 16, contents)
}

function signed(message: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
}

function u16(value: number): Buffer {
  return Buffer.of(value & 0xff, value >> 8)
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64')
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
