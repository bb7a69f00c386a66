import { crypto } from '#crypto'
import { equalBytes, toHex } from '../bytes.ts'
import type { VerifyKey } from '../crypto/port.ts'
import { EvidenceError } from '../errors.ts'
import {
  childrenOf,
  type Der,
  expectTag,
  hasContextTag,
  readBits,
  readDer,
  readOctets,
  readOid,
  readSequence,
  readSmallInteger,
  readTime,
  TAG,
} from './der.ts'

/** Signature algorithms of the vendors' certificates (RFC 5758; RFC 4055 for PSS). */
export type SignatureAlgorithm = 'ecdsa-sha256' | 'ecdsa-sha384' | 'rsa-pss-sha384'

const ALGORITHM: Record<string, SignatureAlgorithm> = {
  '1.2.840.10045.4.3.2': 'ecdsa-sha256',
  '1.2.840.10045.4.3.3': 'ecdsa-sha384',
  '1.2.840.113549.1.1.10': 'rsa-pss-sha384',
}
const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
const CURVE: Record<string, 'P-256' | 'P-384'> = { '1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384' }
const SHA384_OID = '2.16.840.1.101.3.4.2.2'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const MAX_EXTENSIONS = 64

interface Extension {
  critical: boolean
  value: Uint8Array
}

/** An X.509 certificate (RFC 5280, section 4.1), of which only these parts matter here. */
export interface Certificate {
  der: Uint8Array
  /** What the issuer signed. */
  tbs: Uint8Array
  /** Hexadecimal digits of the serial number's contents. */
  serial: string
  /** Distinguished names in DER; compared byte by byte. */
  issuer: Uint8Array
  subject: Uint8Array
  /** For people: the common name, or the last part of the subject. */
  name: string
  /** Unix seconds, both included. */
  notBefore: number
  notAfter: number
  algorithm: SignatureAlgorithm
  /** ECDSA: r ‖ s of fixed length. */
  signature: Uint8Array
  publicKey: { kind: 'P-256' | 'P-384' | 'RSA'; point: Uint8Array; spki: Uint8Array }
  /** By object identifier. */
  extensions: Map<string, Extension>
  isAuthority: boolean
  /** How many authorities may follow below this one. */
  pathLength: number
  maySignCertificates: boolean
  maySignLists: boolean
}

/** Throws `bad-certificate` or `bad-der`. */
export function parseCertificate(der: Uint8Array, what: string): Certificate {
  const [tbsDer, outerAlgorithm, signatureBits, ...extra] = readSequence(readDer(der, what), what)
  if (!tbsDer || extra.length > 0)
    throw new EvidenceError('bad-certificate', `${what} does not have the three parts of a certificate.`)
  const parts = readSequence(tbsDer, what)
  if (!hasContextTag(parts[0], 0) || readSmallInteger(childrenOf(parts[0], what)[0], what) !== 2)
    throw new EvidenceError('bad-certificate', `${what} is not an X.509 certificate of version 3.`)
  const [, serial, innerAlgorithm, issuer, validity, subject, spki, ...optional] = parts
  if (!innerAlgorithm || !outerAlgorithm || !equalBytes(innerAlgorithm.raw, outerAlgorithm.raw))
    throw new EvidenceError('bad-certificate', `${what} names two different signature algorithms.`)
  const algorithm = readAlgorithm(innerAlgorithm, what)
  const [notBefore, notAfter] = readSequence(validity, what)
  const extensions = readExtensions(
    optional.find((part) => hasContextTag(part, 3)),
    what,
  )
  const basic = extensions.get(BASIC_CONSTRAINTS)
  const [flag, length] = basic ? readSequence(readDer(basic.value, what), what) : []
  const isAuthority = flag?.tagNumber === TAG.boolean && flag.contents[0] === 0xff
  const usage = extensions.get(KEY_USAGE)
  const usageBits = usage ? (expectTag(readDer(usage.value, what), TAG.bitString, what).contents[1] ?? 0) : 0
  return {
    der,
    tbs: tbsDer.raw,
    serial: toHex(expectTag(serial, TAG.integer, what).contents),
    issuer: expectTag(issuer, TAG.sequence, what).raw,
    subject: expectTag(subject, TAG.sequence, what).raw,
    name: commonName(subject, what),
    notBefore: readTime(notBefore, what),
    notAfter: readTime(notAfter, what),
    algorithm,
    signature: readSignature(algorithm, readBits(signatureBits, what), what),
    publicKey: readPublicKey(spki, what),
    extensions,
    isAuthority,
    pathLength: isAuthority && length ? readSmallInteger(length, what) : Number.POSITIVE_INFINITY,
    maySignCertificates: (usageBits & 0x04) !== 0,
    maySignLists: (usageBits & 0x02) !== 0,
  }
}

const keys = new WeakMap<Certificate, Promise<VerifyKey>>()

/** The certificate's public key, ready to verify. Throws `bad-key` where it isn't on its curve. */
export function keyOf(certificate: Certificate): Promise<VerifyKey> {
  let key = keys.get(certificate)
  if (!key) {
    const { kind, point, spki } = certificate.publicKey
    key = (kind === 'RSA' ? crypto.rsaPssKey(spki) : crypto.ecdsaKey(kind, point)).catch((cause) => {
      throw new EvidenceError('bad-key', `The public key of ${certificate.name} is of no use.`, { cause })
    })
    keys.set(certificate, key)
  }
  return key
}

/** Whether `issuer`'s key made this signature over `message`. */
export async function isSignedWith(
  issuer: Certificate,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const wanted = { 'P-256': 'ecdsa-sha256', 'P-384': 'ecdsa-sha384', RSA: 'rsa-pss-sha384' }[
    issuer.publicKey.kind
  ]
  return wanted === algorithm && (await keyOf(issuer)).verify(message, signature)
}

/** An AlgorithmIdentifier. Throws `bad-certificate` for those that nobody in confidential computing uses. */
export function readAlgorithm(der: Der, what: string): SignatureAlgorithm {
  const [oid, parameters] = readSequence(der, what)
  const algorithm = ALGORITHM[readOid(oid, what)]
  if (!algorithm)
    throw new EvidenceError(
      'bad-certificate',
      `${what} is signed in a way that is not accepted: ${readOid(oid, what)}.`,
    )
  if (algorithm !== 'rsa-pss-sha384') {
    if (parameters)
      throw new EvidenceError('bad-certificate', `${what} has parameters where ECDSA takes none.`)
    return algorithm
  }
  // RFC 4055, section 3.1: hash [0], mask generation [1], salt length [2]. SHA-384 and 48 bytes are the only
  // choice here.
  const fields = readSequence(parameters, what)
  const inside = (tag: number) =>
    fields.filter((field) => hasContextTag(field, tag)).flatMap((field) => childrenOf(field, what))[0]
  const hash = readSequence(inside(0), what)
  const salt = inside(2)
  if (readOid(hash[0], what) !== SHA384_OID || readSmallInteger(salt, what) !== 48)
    throw new EvidenceError(
      'bad-certificate',
      `${what} is signed with RSA-PSS in another way than SHA-384 and a salt of 48 bytes.`,
    )
  return algorithm
}

/**
 * A signature in the form that the platform's cryptography takes; ECDSA-Sig-Value (RFC 3279, section 2.2.3)
 * becomes r ‖ s.
 */
export function readSignature(algorithm: SignatureAlgorithm, bits: Uint8Array, what: string): Uint8Array {
  if (algorithm === 'rsa-pss-sha384') return bits
  const size = algorithm === 'ecdsa-sha256' ? 32 : 48
  const [r, s, ...extra] = readSequence(readDer(bits, what), what)
  if (extra.length > 0)
    throw new EvidenceError('bad-certificate', `${what} has a signature with more than two numbers.`)
  const signature = new Uint8Array(size * 2)
  for (const [index, part] of [r, s].entries()) {
    const { contents } = expectTag(part, TAG.integer, what)
    // DER integers are signed: a leading zero goes before a high bit, and only there.
    const padded = contents[0] === 0
    const number = padded ? contents.subarray(1) : contents
    if (number.length === 0 || number.length > size || padded !== (number[0] ?? 0) >= 0x80)
      throw new EvidenceError('bad-certificate', `${what} has a signature that is not in DER.`)
    signature.set(number, size * (index + 1) - number.length)
  }
  return signature
}

/** Extensions by object identifier. Throws `bad-certificate` or `bad-der`. */
export function readExtensions(der: Der | undefined, what: string): Map<string, Extension> {
  const extensions = new Map<string, Extension>()
  if (!der) return extensions
  for (const entry of readSequence(childrenOf(der, what)[0], what)) {
    const fields = readSequence(entry, what)
    const oid = readOid(fields[0], what)
    const flag = fields.length === 3 ? expectTag(fields[1], TAG.boolean, what) : undefined
    if (extensions.has(oid))
      throw new EvidenceError('bad-certificate', `${what} has the extension ${oid} twice.`)
    if (extensions.size === MAX_EXTENSIONS)
      throw new EvidenceError('bad-certificate', `${what} has more than ${MAX_EXTENSIONS} extensions.`)
    extensions.set(oid, { critical: flag?.contents[0] === 0xff, value: readOctets(fields.at(-1), what) })
  }
  return extensions
}

function readPublicKey(der: Der | undefined, what: string): Certificate['publicKey'] {
  const [algorithm, bits] = readSequence(der, what)
  const [oid, parameters] = readSequence(algorithm, what)
  const spki = expectTag(der, TAG.sequence, what).raw
  if (readOid(oid, what) === RSA_ENCRYPTION) return { kind: 'RSA', point: new Uint8Array(), spki }
  const curve = readOid(oid, what) === EC_PUBLIC_KEY ? CURVE[readOid(parameters, what)] : undefined
  const point = readBits(bits, what)
  if (!curve || point.length !== (curve === 'P-256' ? 65 : 97) || point[0] !== 4)
    throw new EvidenceError(
      'bad-certificate',
      `${what} has a public key that is neither RSA nor a point of P-256 or P-384.`,
    )
  return { kind: curve, point: point.subarray(1), spki }
}

function commonName(subject: Der | undefined, what: string): string {
  let name = ''
  for (const set of readSequence(subject, what)) {
    for (const attribute of childrenOf(set, what)) {
      const [oid, value] = readSequence(attribute, what)
      const text = new TextDecoder()
        .decode(value?.contents)
        .replace(/[^\x20-\x7e]/g, '?')
        .slice(0, 100)
      if (name === '' || readOid(oid, what) === '2.5.4.3') name = text
    }
  }
  return name
}
