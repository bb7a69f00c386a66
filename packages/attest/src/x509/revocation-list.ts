import { equalBytes, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { type Certificate, readAlgorithm, readSignature, type SignatureAlgorithm } from './certificate.ts'
import {
  childrenOf,
  type Der,
  expectTag,
  firstChildOf,
  hasContextTag,
  readBits,
  readDer,
  readSequence,
  readTime,
  TAG,
} from './der.ts'

/** A certificate revocation list (RFC 5280, section 5.1). */
export interface RevocationList {
  tbs: Uint8Array
  /** Distinguished name in DER. */
  issuer: Uint8Array
  /** Unix seconds. */
  thisUpdate: number
  nextUpdate: number
  /** Serial numbers as `Certificate.serial` has them. */
  revoked: Set<string>
  /** The entries as they stand in the list; empty where it has none. */
  entries: Uint8Array
  algorithm: SignatureAlgorithm
  signature: Uint8Array
}

/** Throws `bad-revocation-list` or `bad-der`. */
export function parseRevocationList(der: Uint8Array, what: string): RevocationList {
  const [tbsDer, outerAlgorithm, signatureBits, ...extra] = readSequence(readDer(der, what), what)
  if (!tbsDer || !outerAlgorithm || extra.length > 0)
    throw new EvidenceError(
      'bad-revocation-list',
      `${what} does not have the three parts of a revocation list.`,
    )
  const parts = readSequence(tbsDer, what)
  // The version is optional, and with it the first position of the rest.
  if (parts[0]?.tagNumber === TAG.integer) parts.shift()
  const [innerAlgorithm, issuer, thisUpdate, nextUpdate, ...rest] = parts
  if (!innerAlgorithm || !equalBytes(innerAlgorithm.raw, outerAlgorithm.raw))
    throw new EvidenceError('bad-revocation-list', `${what} names two different signature algorithms.`)
  const list = rest[0] && !hasContextTag(rest[0], 0) ? expectTag(rest[0], TAG.sequence, what) : undefined
  const entries = list ? childrenOf(list, what) : []
  const algorithm = readAlgorithm(innerAlgorithm, what)
  return {
    tbs: tbsDer.raw,
    issuer: expectTag(issuer, TAG.sequence, what).raw,
    thisUpdate: readTime(thisUpdate, what),
    nextUpdate: readTime(nextUpdate, what),
    entries: list ? new Uint8Array(list.contents) : new Uint8Array(),
    revoked: new Set(entries.map((entry) => serialOf(entry, what))),
    algorithm,
    signature: readSignature(algorithm, readBits(signatureBits, what), what),
  }
}

/** Of an entry only the serial number counts: date and reason change nothing. */
function serialOf(entry: Der, what: string): string {
  return toHex(
    expectTag(firstChildOf(expectTag(entry, TAG.sequence, what), what), TAG.integer, what).contents,
  )
}

/**
 * Whether the list names the certificate. The serial number alone decides, so that a list filed under a
 * wrong name revokes too much rather than too little.
 */
export function isRevoked(certificate: Certificate, lists: readonly RevocationList[]): boolean {
  return lists.some(({ revoked }) => revoked.has(certificate.serial))
}
