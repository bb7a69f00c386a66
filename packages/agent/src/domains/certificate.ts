import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { StoredCertificate } from './domain-store.ts'

/** What a certificate says. Times in Unix milliseconds. */
export interface CertificateFacts {
  /** SHA-256 of the SubjectPublicKeyInfo. */
  keyHash: Hex
  /** SHA-256 of the certificate. */
  fingerprint: Hex
  issuer: string
  isSelfSigned: boolean
  notBefore: number
  notAfter: number
}

/** Reads a certificate of ours. */
export function factsOf({ chain }: Pick<StoredCertificate, 'chain'>): CertificateFacts {
  const leaf = new X509Certificate(chain)
  const spki = leaf.publicKey.export({ format: 'der', type: 'spki' })
  return {
    keyHash: hashOf(spki),
    fingerprint: hashOf(leaf.raw),
    issuer: leaf.issuer.replace(/[\p{Cc}\p{Cf}]+/gu, ', ').slice(0, 200),
    isSelfSigned: leaf.subject === leaf.issuer && leaf.checkIssued(leaf),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/**
 * Whether what an authority gave is what was asked for: for our key, for the domain, and not over. Throws
 * `bad-answer`.
 */
export function checkCertificate({ key, chain }: StoredCertificate, domain: string): void {
  const refuse = (why: string, cause?: unknown) =>
    new CloisterError('bad-answer', `The certificate authority gave a certificate that ${why}.`, { cause })
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(chain)
  } catch (cause) {
    throw refuse("can't be read", cause)
  }
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw refuse('is for another key')
  // A wildcard is checked by a name below it.
  if (leaf.checkHost(domain.replace(/^\*\./, 'any.')) === undefined) throw refuse(`is not for ${domain}`)
  if (leaf.validToDate.getTime() <= Date.now()) throw refuse('is over')
}

/**
 * What the authority calls a certificate (RFC 9773, section 4.1): its authority's key identifier and its
 * serial number. Undefined where it has none.
 */
export function renewalIdOf({ chain }: Pick<StoredCertificate, 'chain'>): string | undefined {
  const leaf = new X509Certificate(chain)
  const issuer = authorityKeyIdentifier(leaf.raw)
  if (!issuer) return undefined
  const serial = leaf.serialNumber.length % 2 === 0 ? leaf.serialNumber : `0${leaf.serialNumber}`
  // As DER has it: a leading zero where it would be negative.
  const bytes = Buffer.from(/^[89A-F]/i.test(serial) ? `00${serial}` : serial, 'hex')
  return `${issuer.toString('base64url')}.${bytes.toString('base64url')}`
}

/** RFC 5280, section 4.2.1.1: the extension 2.5.29.35, whose first member (tag 0) is the identifier. */
function authorityKeyIdentifier(der: Buffer): Buffer | undefined {
  const at = der.indexOf(Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x23, 0x04]))
  if (at < 0) return undefined
  // OCTET STRING, SEQUENCE, [0]; all of them shorter than 128 bytes.
  const [tag, length] = [der[at + 9], der[at + 10]]
  if (der[at + 7] !== 0x30 || tag !== 0x80 || length === undefined || length > 64) return undefined
  return der.subarray(at + 11, at + 11 + length)
}

function hashOf(bytes: Buffer): Hex {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}
