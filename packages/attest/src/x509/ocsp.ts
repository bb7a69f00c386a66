import { crypto } from '#crypto'
import { equalBytes, fromHex, toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import {
  type Certificate,
  isSignedWith,
  parseCertificate,
  readAlgorithm,
  readSignature,
} from './certificate.ts'
import {
  childrenOf,
  type Der,
  encodeDer,
  expectTag,
  hasContextTag,
  readBits,
  readDer,
  readOctets,
  readOid,
  readSequence,
  readTime,
  TAG,
} from './der.ts'

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const EXTENDED_KEY_USAGE = '2.5.29.37'
/** SHA-1 names certificates here, nothing more: responders know no other (RFC 5019, section 2.1.1). */
const SHA1 = Uint8Array.of(0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a)
const SHA256 = '2.16.840.1.101.3.4.2.1'
const SHA384 = '2.16.840.1.101.3.4.2.2'
const WHAT = 'The OCSP response'

/** What a responder says of one certificate. */
export interface OcspStatus {
  status: 'good' | 'revoked' | 'unknown'
  /** Unix seconds. */
  thisUpdate: number
  nextUpdate: number | undefined
}

/**
 * A request about one certificate (RFC 6960, section 4.1.1), DER. `sha1`: the hash by which responders know
 * issuers.
 */
export async function ocspRequest(
  certificate: Certificate,
  issuer: Certificate,
  sha1: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const sequence = (...parts: Uint8Array[]) => encodeDer(TAG.sequence, ...parts)
  const id = sequence(
    sequence(SHA1, Uint8Array.of(5, 0)),
    encodeDer(TAG.octetString, await sha1(issuer.subject)),
    encodeDer(TAG.octetString, await sha1(keyBits(issuer))),
    encodeDer(TAG.integer, fromHex(certificate.serial, 'The serial number')),
  )
  return sequence(sequence(sequence(sequence(id))))
}

/**
 * Checks a response (RFC 6960, section 4.2) about `certificate`, whose issuer answers itself or by a
 * delegate that it certified for this (section 4.2.2.2), and which holds at `instant`. Throws `bad-ocsp`
 * with what is wrong; whether the answer is good is in the status. The issuer is known by its key and name,
 * so its hash in the request doesn't matter.
 */
export async function checkOcsp(
  response: Uint8Array,
  certificate: Certificate,
  issuer: Certificate,
  instant: number,
): Promise<OcspStatus> {
  const bad = (why: string) =>
    new EvidenceError('bad-ocsp', `The OCSP response about ${certificate.name} ${why}.`)
  const [status, wrapped] = readSequence(readDer(response, WHAT), WHAT)
  if (expectTag(status, TAG.enumerated, WHAT).contents[0] !== 0 || !hasContextTag(wrapped, 0))
    throw bad('is an error')
  const [type, octets] = readSequence(childrenOf(wrapped, WHAT)[0], WHAT)
  if (readOid(type, WHAT) !== BASIC_RESPONSE) throw bad('is of a kind that is not known')
  const [tbs, algorithmDer, signatureBits, certificates] = readSequence(
    readDer(readOctets(octets, WHAT), WHAT),
    WHAT,
  )
  const algorithm = readAlgorithm(expectTag(algorithmDer, TAG.sequence, WHAT), WHAT)
  const signature = readSignature(algorithm, readBits(signatureBits, WHAT), WHAT)
  const signed = expectTag(tbs, TAG.sequence, WHAT).raw
  const delegates = hasContextTag(certificates, 0)
    ? readSequence(childrenOf(certificates, WHAT)[0], WHAT).map(({ raw }) =>
        parseCertificate(raw, 'The responder’s certificate'),
      )
    : []
  const signers = [issuer]
  for (const delegate of delegates) if (await isDelegate(delegate, issuer, instant)) signers.push(delegate)
  const checked = await Promise.all(
    signers.map((signer) => isSignedWith(signer, algorithm, signed, signature)),
  )
  if (!checked.includes(true)) throw bad('is signed by nobody who may')
  const parts = readSequence(tbs, WHAT).filter((part) => !hasContextTag(part, 0))
  // Responder (by name [1] or key [2]), time, answers.
  const [, producedAt, answers] = parts
  readTime(producedAt, WHAT)
  for (const answer of readSequence(answers, WHAT)) {
    const found = await readAnswer(answer, certificate, issuer)
    if (!found) continue
    if (instant < found.thisUpdate || (found.nextUpdate !== undefined && instant > found.nextUpdate))
      throw bad('does not hold at this instant')
    return found
  }
  throw bad('is about another certificate')
}

/** An answer, if it is about this certificate. */
async function readAnswer(
  answer: Der,
  certificate: Certificate,
  issuer: Certificate,
): Promise<OcspStatus | undefined> {
  const [id, status, thisUpdate, ...rest] = readSequence(answer, WHAT)
  const [algorithm, nameHash, keyHash, serial] = readSequence(id, WHAT)
  if (toHex(expectTag(serial, TAG.integer, WHAT).contents) !== certificate.serial) return undefined
  const hash = { [SHA256]: 'SHA-256', [SHA384]: 'SHA-384' }[
    readOid(readSequence(algorithm, WHAT)[0], WHAT)
  ] as 'SHA-256' | 'SHA-384' | undefined
  // By SHA-1 an issuer could be mistaken for another; that this issuer, or its delegate, signed the answer
  // is what counts.
  if (hash !== undefined) {
    const same =
      equalBytes(readOctets(nameHash, WHAT), await crypto.digest(hash, issuer.subject)) &&
      equalBytes(readOctets(keyHash, WHAT), await crypto.digest(hash, keyBits(issuer)))
    if (!same) return undefined
  }
  const next = rest.find((part) => hasContextTag(part, 0))
  return {
    status: hasContextTag(status, 0) ? 'good' : hasContextTag(status, 1) ? 'revoked' : 'unknown',
    thisUpdate: readTime(thisUpdate, WHAT),
    nextUpdate: next && readTime(childrenOf(next, WHAT)[0], WHAT),
  }
}

async function isDelegate(delegate: Certificate, issuer: Certificate, instant: number): Promise<boolean> {
  const usage = delegate.extensions.get(EXTENDED_KEY_USAGE)
  const purposes = usage
    ? readSequence(readDer(usage.value, WHAT), WHAT).map((purpose) => readOid(purpose, WHAT))
    : []
  const inTime = instant >= delegate.notBefore && instant <= delegate.notAfter
  return (
    purposes.includes(OCSP_SIGNING) &&
    inTime &&
    equalBytes(delegate.issuer, issuer.subject) &&
    isSignedWith(issuer, delegate.algorithm, delegate.tbs, delegate.signature)
  )
}

/** The bits of the public key, without their algorithm: what issuers are named by. */
function keyBits(certificate: Certificate): Uint8Array {
  const [, bits] = readSequence(readDer(certificate.publicKey.spki, 'The issuer’s key'), 'The issuer’s key')
  return readBits(bits, 'The issuer’s key')
}
