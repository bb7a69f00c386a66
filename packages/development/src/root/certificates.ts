// @peculiar/x509 asks for it.
import 'reflect-metadata'
import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'

/** A key on P-256 or P-384 with its certificate. */
export interface Certified {
  key: KeyObject
  /** DER. */
  certificate: Uint8Array<ArrayBuffer>
  name: string
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** Decades: what is simulated needn't expire, and tests move time. */
const VALID_YEARS = 40

export function newKey(namedCurve: 'P-256' | 'P-384' = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey
}

export function exportKey(key: KeyObject): string {
  return key.export({ format: 'der', type: 'pkcs8' }).toString('base64')
}

export function importKey(base64: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'pkcs8' })
}

/** x ‖ y of the public key, 64 bytes. */
export function pointOf(key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

/** Issues a certificate for `key`; signed by itself where there is no issuer. */
export async function certify(
  name: string,
  key: KeyObject,
  issuer: Certified | undefined,
  role: 'authority' | 'entity',
  extensions: { oid: string; value: Uint8Array<ArrayBuffer> }[] = [],
  serialNumber = serial(),
): Promise<Certified> {
  const signer = issuer?.key ?? key
  const usages =
    role === 'authority' ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : KeyUsageFlags.digitalSignature
  const certificate = await X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${name}, O=Cloister development`,
    issuer: `CN=${issuer?.name ?? name}, O=Cloister development`,
    notBefore: whole(Date.now() - 86_400_000),
    notAfter: whole(Date.now() + VALID_YEARS * 365 * 86_400_000),
    signingAlgorithm: ALGORITHM,
    publicKey: (await webKeys(key)).publicKey,
    signingKey: (await webKeys(signer)).privateKey,
    extensions: [
      new BasicConstraintsExtension(role === 'authority', undefined, true),
      new KeyUsagesExtension(usages, true),
      ...extensions.map(({ oid, value }) => new Extension(oid, false, value)),
    ],
  })
  return { key, certificate: new Uint8Array(certificate.rawData), name }
}

/** A revocation list in DER, valid for so many days from `instant`, Unix seconds. */
export async function revocationList(
  issuer: Certified,
  instant: number,
  serials: string[],
  days = 30,
): Promise<Uint8Array> {
  const list = await X509CrlGenerator.create({
    issuer: `CN=${issuer.name}, O=Cloister development`,
    thisUpdate: new Date(instant * 1000),
    nextUpdate: new Date((instant + days * 86_400) * 1000),
    signingAlgorithm: ALGORITHM,
    signingKey: (await webKeys(issuer.key)).privateKey,
    entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(instant * 1000) })),
  })
  return new Uint8Array(list.rawData)
}

export function toPem(...certificates: Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? []
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}

/** 16 random bytes with the highest bit off and the next one on: positive, and never shortened. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return Buffer.from(bytes).toString('hex')
}

function whole(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000)
}

async function webKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const { d: _, ...open } = key.export({ format: 'jwk' })
  const algorithm = { name: 'ECDSA', namedCurve: open.crv ?? 'P-256' }
  return {
    privateKey: await webcrypto.subtle.importKey('jwk', key.export({ format: 'jwk' }), algorithm, true, [
      'sign',
    ]),
    publicKey: await webcrypto.subtle.importKey('jwk', open, algorithm, true, ['verify']),
  }
}
