import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { encode } from 'cborg'
import { type Certified, certify, newKey } from './certificates.ts'

/** What may differ between documents; the rest is as it should be. */
export interface NitroVariations {
  /** What the enclave is called, of which it is measured. */
  enclave?: string
  debug?: boolean
}

/** PCR0 to PCR2 of the enclave of development machines: measurements of nothing but its name. */
export function developmentEnclave(name = 'cloister development guest'): Uint8Array[] {
  return [0, 1, 2].map(
    (index) => new Uint8Array(createHash('sha384').update(`${name}: PCR${index}`).digest()),
  )
}

/**
 * A Nitro enclave made of software: documents in the format of real ones, under a development root. Protects
 * nothing.
 */
export class DevelopmentEnclave {
  readonly moduleId: string
  private readonly key: KeyObject
  private readonly certificate: Uint8Array
  /** From the root down. */
  private readonly above: readonly Uint8Array[]

  private constructor(
    moduleId: string,
    key: KeyObject,
    certificate: Uint8Array,
    above: readonly Uint8Array[],
  ) {
    this.moduleId = moduleId
    this.key = key
    this.certificate = certificate
    this.above = above
  }

  /** `seed`: the same enclave every time, but for its key. */
  static async manufacture(
    authority: Certified,
    root: Uint8Array,
    seed: Uint8Array = randomBytes(32),
  ): Promise<DevelopmentEnclave> {
    const id = createHash('sha256').update('cloister development enclave').update(seed).digest('hex')
    const key = newKey('P-384')
    const { certificate } = await certify('Development Enclave', key, authority, 'entity')
    return new DevelopmentEnclave(`i-${id.slice(0, 17)}-enc${id.slice(17, 33)}`, key, certificate, [
      root,
      authority.certificate,
    ])
  }

  /** A document over user data: a COSE_Sign1 structure, ES384. */
  document(userData: Uint8Array, { enclave, debug = false }: NitroVariations = {}): Uint8Array {
    const pcrs = new Map<number, Uint8Array>(
      developmentEnclave(enclave).map((pcr, index) => [index, debug ? new Uint8Array(48) : pcr]),
    )
    const payload = encode(
      new Map<string, unknown>([
        ['module_id', this.moduleId],
        ['digest', 'SHA384'],
        ['timestamp', Date.now()],
        ['pcrs', pcrs],
        ['certificate', this.certificate],
        ['cabundle', [...this.above]],
        ['public_key', null],
        ['user_data', userData],
        ['nonce', null],
      ]),
    )
    const header = encode(new Map([[1, -35]]))
    const signed = encode(['Signature1', header, new Uint8Array(), payload])
    const signature = new Uint8Array(sign('sha384', signed, { key: this.key, dsaEncoding: 'ieee-p1363' }))
    return encode([header, new Map(), payload, signature])
  }
}
