import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from 'node:crypto'
import { CloisterError, utf8 } from '@cloister/core'
import { notForUs } from '../hpke.ts'
import {
  cut,
  EXPORTED,
  type Frames,
  freshSalt,
  HEAD_BYTES,
  LAST,
  NONCE_BYTES,
  Nonces,
  type OpenedQuestion,
  openPieces,
  SECRET_BYTES,
  type SealedQuestion,
  sealPieces,
  TAG_BYTES,
} from './pieces.ts'

// What `web.ts` does, byte for byte, by OpenSSL and without a promise for each step: HPKE in base mode with
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM (RFC 9180, sections 4 and 5).

const KEY_BYTES = 32
const AEAD = 'aes-256-gcm'
/** What comes before the 32 bytes of an X25519 key in PKCS #8 (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const VERSION = Buffer.from('HPKE-v1')
const KEM_SUITE = Buffer.from('4b454d0020', 'hex')
const SUITE = Buffer.from('48504b45002000010002', 'hex')
const NOTHING = Buffer.alloc(0)
const ONE = Buffer.of(1)
/** Both at a length of 32 bytes of output at most: one block of HKDF. */
const BLOCK = 32
const HASH_BLOCK = 64
const INNER = 0x36
const OUTER = 0x5c
const PSK_ID_HASH = labeledExtract(SUITE, NOTHING, 'psk_id_hash', NOTHING)

/** See `web.ts`. */
export async function sealQuestion(
  publicKey: Uint8Array,
  question: Uint8Array,
  context: string,
): Promise<SealedQuestion> {
  try {
    const recipient = publicKeyFrom(publicKey)
    const ephemeral = generateKeyPairSync('x25519')
    const enc = rawOf(ephemeral.publicKey)
    const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient })
    const { key, nonce, exported } = schedule(shared, enc, publicKey, context)
    const cipher = createCipheriv(AEAD, key, nonce)
    const sealed = Buffer.concat([enc, cipher.update(question), cipher.final(), cipher.getAuthTag()])
    return {
      sealed: new Uint8Array(sealed),
      openAnswer: (body) => openPieces((salt) => new NodeFrames(enc, exported, salt), body),
    }
  } catch (cause) {
    throw new CloisterError('bad-key', 'A question was to be sealed to a key that is none.', { cause })
  }
}

/** See `web.ts`. */
export async function openQuestion(
  privateKey: Uint8Array,
  sealed: Uint8Array,
  context: string,
): Promise<OpenedQuestion> {
  const { question, enc, exported } = open(new RecipientKey(privateKey), sealed, context)
  return {
    question,
    sealAnswer: (pieces) => sealPieces((salt) => new NodeFrames(enc, exported, salt), pieces),
  }
}

/** A private key that many questions are sealed to. */
export class RecipientKey {
  readonly key: KeyObject
  readonly publicBytes: Uint8Array

  /** `privateKey`: X25519, raw. */
  constructor(privateKey: Uint8Array) {
    this.key = createPrivateKey({
      key: Buffer.concat([PKCS8, privateKey]),
      format: 'der',
      type: 'pkcs8',
    })
    this.publicBytes = rawOf(createPublicKey(this.key))
  }
}

/** Seals the pieces of one answer as they come, each at once. */
export interface AnswerSealer {
  /** What goes before all pieces. */
  salt: Uint8Array
  seal(piece: Uint8Array): Uint8Array
  /** What goes after them. */
  end(): Uint8Array
}

/** Opens a question, with its answer to be sealed by hand, at once. Throws `not-sealed-for-us`. */
export function openQuestionAtOnce(
  recipient: RecipientKey,
  sealed: Uint8Array,
  context: string,
): { question: Uint8Array; startAnswer(): AnswerSealer } {
  const { question, enc, exported } = open(recipient, sealed, context)
  return {
    question,
    startAnswer() {
      const salt = freshSalt()
      const frames = new NodeFrames(enc, exported, salt)
      return {
        salt,
        seal: (piece) => Buffer.concat([...cut(piece)].map((part) => frames.seal(part, false))),
        end: () => frames.seal(NOTHING, true),
      }
    },
  }
}

function open(recipient: RecipientKey, sealed: Uint8Array, context: string) {
  if (sealed.length < KEY_BYTES + TAG_BYTES) throw notForUs()
  try {
    const enc = sealed.subarray(0, KEY_BYTES)
    const shared = diffieHellman({ privateKey: recipient.key, publicKey: publicKeyFrom(enc) })
    const { key, nonce, exported } = schedule(shared, enc, recipient.publicBytes, context)
    return { question: opened(key, nonce, sealed.subarray(KEY_BYTES), NOTHING), enc, exported }
  } catch (cause) {
    throw notForUs(cause)
  }
}

/** ExtractAndExpand of the KEM (section 4.1), then KeySchedule in base mode (5.1) and one export (5.3). */
function schedule(shared: Uint8Array, enc: Uint8Array, recipient: Uint8Array, context: string) {
  const eae = labeledExtract(KEM_SUITE, NOTHING, 'eae_prk', shared)
  const kemContext = Buffer.concat([enc, recipient])
  const sharedSecret = labeledExpand(KEM_SUITE, eae, 'shared_secret', kemContext, KEY_BYTES)
  const infoHash = labeledExtract(SUITE, NOTHING, 'info_hash', utf8(context))
  const keyContext = Buffer.concat([Buffer.of(0), PSK_ID_HASH, infoHash])
  const secret = labeledExtract(SUITE, sharedSecret, 'secret', NOTHING)
  const exporter = labeledExpand(SUITE, secret, 'exp', keyContext, BLOCK)
  return {
    key: labeledExpand(SUITE, secret, 'key', keyContext, KEY_BYTES),
    nonce: labeledExpand(SUITE, secret, 'base_nonce', keyContext, NONCE_BYTES),
    exported: labeledExpand(SUITE, exporter, 'sec', EXPORTED, SECRET_BYTES),
  }
}

/** The frames of one answer, by OpenSSL. */
class NodeFrames implements Frames {
  private readonly key: Uint8Array
  private readonly nonces: Nonces

  constructor(enc: Uint8Array, exported: Uint8Array, salt: Uint8Array) {
    const secret = hmac(Buffer.concat([enc, salt]), exported)
    this.key = expand(secret, utf8('key'), SECRET_BYTES)
    this.nonces = new Nonces(expand(secret, utf8('nonce'), NONCE_BYTES))
  }

  seal(piece: Uint8Array, isLast: boolean): Uint8Array {
    const cipher = createCipheriv(AEAD, this.key, this.nonces.next())
    if (isLast) cipher.setAAD(LAST)
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head.writeUInt32BE(piece.length + TAG_BYTES)
    return Buffer.concat([head, cipher.update(piece), cipher.final(), cipher.getAuthTag()])
  }

  open(sealed: Uint8Array): Uint8Array | undefined {
    // The last piece is the only empty one.
    const isLast = sealed.length === TAG_BYTES
    try {
      const piece = opened(this.key, this.nonces.next(), sealed, isLast ? LAST : NOTHING)
      return isLast ? undefined : piece
    } catch (cause) {
      throw notForUs(cause)
    }
  }
}

function opened(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(end))
  decipher.setAAD(aad)
  const bytes = decipher.update(sealed.subarray(0, end))
  decipher.final()
  return new Uint8Array(bytes)
}

function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer {
  return hmac(salt, Buffer.concat([VERSION, suite, Buffer.from(label), ikm]))
}

function labeledExpand(
  suite: Uint8Array,
  secret: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return expand(
    secret,
    Buffer.concat([Buffer.of(0, length), VERSION, suite, Buffer.from(label), info]),
    length,
  )
}

/** HKDF-Expand (RFC 5869, section 2.3) of one block at most. */
function expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return hmac(secret, Buffer.concat([info, ONE])).subarray(0, length)
}

/** HMAC-SHA256 (RFC 2104), keys of a block at most; by two hashes: `createHmac` takes five times as long. */
function hmac(key: Uint8Array, bytes: Uint8Array): Buffer {
  const inner = Buffer.alloc(HASH_BLOCK + bytes.length, INNER)
  const outer = Buffer.alloc(HASH_BLOCK + BLOCK, OUTER)
  for (const [index, byte] of key.entries()) {
    inner[index] = byte ^ INNER
    outer[index] = byte ^ OUTER
  }
  inner.set(bytes, HASH_BLOCK)
  outer.set(hash('sha256', inner, 'buffer'), HASH_BLOCK)
  return hash('sha256', outer, 'buffer')
}

function publicKeyFrom(raw: Uint8Array): KeyObject {
  if (raw.length !== KEY_BYTES) throw new RangeError('an X25519 key has 32 bytes')
  const x = Buffer.from(raw).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
}

function rawOf(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'))
}
