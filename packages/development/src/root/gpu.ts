import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { type Certified, certify, newKey, toPem } from './certificates.ts'

/** What NVIDIA's tokens call GPUs of a class, and the chip SKU that reports of theirs have. */
const MADE: Record<string, { model: string; chipSku: string }> = {
  h100: { model: 'GH100 (simulated)', chipSku: '885' },
  h200: { model: 'GH100 (simulated)', chipSku: '895' },
  b200: { model: 'GB100 (simulated)', chipSku: '000' },
}
/** Fields of NVIDIA's opaque data. */
const OPAQUE = { driver: 3, chipSku: 15 } as const

/**
 * A GPU made of software: measurement reports in the format of real ones (SPDM), under a development root.
 * Protects nothing.
 */
export class DevelopmentGpu {
  /** As in tokens. */
  readonly model: string
  readonly ueid: string
  /** Certificates, the GPU's own first, PEM. */
  readonly certificates: string
  private readonly key: KeyObject
  private readonly chipSku: string

  private constructor(parts: {
    model: string
    ueid: string
    certificates: string
    key: KeyObject
    chipSku: string
  }) {
    this.model = parts.model
    this.ueid = parts.ueid
    this.certificates = parts.certificates
    this.key = parts.key
    this.chipSku = parts.chipSku
  }

  /** `seed`: the same GPU every time, but for its key. A class that isn't known is the model's name. */
  static async manufacture(
    root: Certified,
    gpuClass: string,
    seed: Uint8Array = randomBytes(32),
  ): Promise<DevelopmentGpu> {
    const { model, chipSku } = MADE[gpuClass] ?? { model: gpuClass, chipSku: '000' }
    const serial = createHash('sha256')
      .update('cloister development GPU')
      .update(seed)
      .digest()
      .subarray(0, 18)
    // Positive, and never shortened.
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
    const key = newKey('P-384')
    const own = await certify(`${model} GSP BROM`, key, root, 'entity', [], serial.toString('hex'))
    const ueid = BigInt(`0x${serial.toString('hex')}`).toString()
    return new DevelopmentGpu({
      model,
      ueid,
      certificates: toPem(own.certificate, root.certificate),
      key,
      chipSku,
    })
  }

  /** A report for a nonce, 32 bytes in hexadecimal digits: request and response, as drivers hand them out. */
  report(nonce: string): Uint8Array {
    const value = Buffer.alloc(48, 1)
    const record = Buffer.concat([Buffer.of(1, 1, value.length + 3, 0, 1, value.length, 0), value])
    const field = (type: number, text: string) =>
      Buffer.concat([Buffer.of(type, 0, text.length + 1, 0), Buffer.from(`${text}\0`)])
    const opaque = Buffer.concat([field(OPAQUE.driver, '580.00'), field(OPAQUE.chipSku, this.chipSku)])
    const signed = Buffer.concat([
      Buffer.of(0x11, 0xe0, 1, 0xff),
      Buffer.from(nonce, 'hex'),
      Buffer.of(0),
      Buffer.of(0x11, 0x60, 0, 0, 1, record.length, 0, 0),
      record,
      randomBytes(32),
      Buffer.of(opaque.length, 0),
      opaque,
    ])
    return new Uint8Array(
      Buffer.concat([signed, sign('sha384', signed, { key: this.key, dsaEncoding: 'ieee-p1363' })]),
    )
  }
}
