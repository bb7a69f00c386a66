import { CloisterError, utf8 } from '@cloister/core'
import { expand, extract } from '@noble/hashes/hkdf'
import { sha256 } from '@noble/hashes/sha2'
import { concat } from 'viem'
import { exact, KEY_BYTES, notForUs, SUITE } from './hpke.ts'

// One question and its answer, as Oblivious HTTP seals them (RFC 9458, section 4): the question to a public
// key, the answer to whoever asked. The answer comes in pieces, each with a counter, the last one marked
// (as in draft-ietf-ohai-chunked-ohttp), so that nothing can be cut off or put in another order.

const KEY = 32
const NONCE = 12
const TAG = 16
const HEAD = 4
/** Bytes of an answer that are sealed at once. */
const PIECE_BYTES = 32 * 1024
const EXPORTED = utf8('cloister sealed answer')
const LAST = utf8('final')

/** A question as it travels, and how its answer is read. */
export interface SealedQuestion {
  sealed: Uint8Array<ArrayBuffer>
  /** Opens an answer piece by piece. Throws `not-sealed-for-us` where it was changed or ends early. */
  openAnswer(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
}

/** A question as it was asked, and how it is answered. */
export interface OpenedQuestion {
  question: Uint8Array
  /** Seals an answer, each piece as it comes. */
  sealAnswer(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
}

/**
 * Seals a question to whoever holds the private key of `publicKey`; they alone can answer it. `context` has
 * to be the same on both sides. Throws `bad-key`.
 */
export async function sealQuestion(
  publicKey: Uint8Array,
  question: Uint8Array,
  context: string,
): Promise<SealedQuestion> {
  try {
    const recipientPublicKey = await SUITE.kem.deserializePublicKey(exact(publicKey))
    const sender = await SUITE.createSenderContext({ recipientPublicKey, info: exact(utf8(context)) })
    const enc = new Uint8Array(sender.enc)
    const sealed = concat([enc, new Uint8Array(await sender.seal(exact(question)))])
    const exported = new Uint8Array(await sender.export(exact(EXPORTED), KEY))
    return {
      sealed: new Uint8Array(sealed),
      openAnswer: (body) => openAnswer(enc, exported, body),
    }
  } catch (cause) {
    throw new CloisterError('bad-key', 'A question was to be sealed to a key that is none.', { cause })
  }
}

/** Opens a question with the private key that it was sealed to. Throws `not-sealed-for-us`. */
export async function openQuestion(
  privateKey: Uint8Array,
  sealed: Uint8Array,
  context: string,
): Promise<OpenedQuestion> {
  if (sealed.length < KEY_BYTES + TAG) throw notForUs()
  try {
    const recipientKey = await SUITE.kem.deserializePrivateKey(exact(privateKey))
    const enc = new Uint8Array(sealed.subarray(0, KEY_BYTES))
    const recipient = await SUITE.createRecipientContext({
      recipientKey,
      enc: enc.buffer,
      info: exact(utf8(context)),
    })
    const question = new Uint8Array(await recipient.open(exact(sealed.subarray(KEY_BYTES))))
    const exported = new Uint8Array(await recipient.export(exact(EXPORTED), KEY))
    return { question, sealAnswer: (pieces) => sealAnswer(enc, exported, pieces) }
  } catch (cause) {
    throw notForUs(cause)
  }
}

async function* sealAnswer(
  enc: Uint8Array,
  exported: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  // Whoever relays a question can have it answered twice: each answer has keys of its own.
  const salt = crypto.getRandomValues(new Uint8Array(KEY))
  const frames = await Frames.of(enc, exported, salt)
  yield salt
  for await (const piece of pieces)
    for (let from = 0; from < piece.length; from += PIECE_BYTES)
      yield await frames.seal(piece.subarray(from, from + PIECE_BYTES), false)
  yield await frames.seal(new Uint8Array(), true)
}

async function* openAnswer(
  enc: Uint8Array,
  exported: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let waiting = new Uint8Array()
  let frames: Frames | undefined
  let ended = false
  for await (const chunk of body) {
    waiting = concat([waiting, chunk]) as Uint8Array<ArrayBuffer>
    if (!frames) {
      if (waiting.length < KEY) continue
      frames = await Frames.of(enc, exported, waiting.subarray(0, KEY))
      waiting = waiting.subarray(KEY)
    }
    while (waiting.length >= HEAD) {
      const length = new DataView(waiting.buffer, waiting.byteOffset).getUint32(0)
      if (ended || length < TAG || length > PIECE_BYTES + TAG) throw notForUs()
      if (waiting.length < HEAD + length) break
      const piece = await frames.open(waiting.subarray(HEAD, HEAD + length))
      waiting = waiting.subarray(HEAD + length)
      if (piece) yield piece
      else ended = true
    }
  }
  if (!ended || waiting.length > 0) throw notForUs()
}

type AesKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Seals or opens the pieces of one answer, in their order. */
class Frames {
  private readonly key: AesKey
  private readonly nonce: Uint8Array
  private count = 0

  private constructor(key: AesKey, nonce: Uint8Array) {
    this.key = key
    this.nonce = nonce
  }

  static async of(enc: Uint8Array, exported: Uint8Array, salt: Uint8Array): Promise<Frames> {
    const secret = extract(sha256, exported, concat([enc, salt]))
    const raw = exact(expand(sha256, secret, utf8('key'), KEY))
    const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt'])
    return new Frames(key, expand(sha256, secret, utf8('nonce'), NONCE))
  }

  /** A piece with its length before it. */
  async seal(piece: Uint8Array, isLast: boolean): Promise<Uint8Array> {
    const sealed = await crypto.subtle.encrypt(this.next(isLast), this.key, exact(piece))
    const frame = new Uint8Array(HEAD + sealed.byteLength)
    new DataView(frame.buffer).setUint32(0, sealed.byteLength)
    frame.set(new Uint8Array(sealed), HEAD)
    return frame
  }

  /** A piece without its length; undefined for the last, which has nothing in it. */
  async open(sealed: Uint8Array): Promise<Uint8Array | undefined> {
    // The last piece is the only empty one.
    const isLast = sealed.length === TAG
    const opened = await crypto.subtle
      .decrypt(this.next(isLast), this.key, exact(sealed))
      .catch((cause) => Promise.reject(notForUs(cause)))
    return isLast ? undefined : new Uint8Array(opened)
  }

  /** The nonce of a piece is its number over the answer's nonce (RFC 9180, section 5.2). */
  private next(isLast: boolean) {
    const iv = new Uint8Array(this.nonce)
    const view = new DataView(iv.buffer)
    view.setUint32(NONCE - 4, (view.getUint32(NONCE - 4) ^ this.count) >>> 0)
    this.count++
    if (this.count > 0xffff_ffff) throw new RangeError('an answer has too many pieces')
    return { name: 'AES-GCM', iv, additionalData: isLast ? LAST : new Uint8Array() }
  }
}
