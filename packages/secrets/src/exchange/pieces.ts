import { utf8 } from '@cloister/core'
import { concat } from 'viem'
import { notForUs } from '../hpke.ts'

// One question and its answer, as Oblivious HTTP seals them (RFC 9458, section 4): the question to a public
// key, the answer to whoever asked. The answer comes in pieces, each with a counter, the last one marked
// (as in draft-ietf-ohai-chunked-ohttp), so that nothing can be cut off or put in another order.

/** Bytes of an exported secret, of an answer's salt, and of its key. */
export const SECRET_BYTES = 32
export const NONCE_BYTES = 12
export const TAG_BYTES = 16
/** Bytes of a piece's length before it. */
export const HEAD_BYTES = 4
/** Bytes of an answer that are sealed at once. */
const PIECE_BYTES = 32 * 1024
/** What the secret of an answer is exported for. */
export const EXPORTED = utf8('cloister sealed answer')
/** What the last piece is marked with. */
export const LAST = utf8('final')
const MOST_PIECES = 0xffff_ffff

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

/** Seals or opens the pieces of one answer, in their order. */
export interface Frames {
  /** A piece with its length before it. */
  seal(piece: Uint8Array, isLast: boolean): Uint8Array | Promise<Uint8Array>
  /** A piece without its length; undefined for the last, which has nothing in it. */
  open(sealed: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>
}
export type MakeFrames = (salt: Uint8Array) => Frames | Promise<Frames>

/** What is sealed at once of a piece of any length. */
export function* cut(piece: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < piece.length; from += PIECE_BYTES) yield piece.subarray(from, from + PIECE_BYTES)
}

/** Seals an answer: its salt, its pieces as they come, the mark of its end. */
export async function* sealPieces(
  make: MakeFrames,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const salt = freshSalt()
  const frames = await make(salt)
  yield salt
  for await (const piece of pieces) for (const part of cut(piece)) yield await frames.seal(part, false)
  yield await frames.seal(new Uint8Array(), true)
}

/** Whoever relays a question can have it answered twice: each answer has keys of its own. */
export function freshSalt(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
}

/** Opens what `sealPieces` sealed, however the network cut it. */
export async function* openPieces(
  make: MakeFrames,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let waiting = new Uint8Array()
  let frames: Frames | undefined
  let ended = false
  for await (const chunk of body) {
    waiting = concat([waiting, chunk]) as Uint8Array<ArrayBuffer>
    if (!frames) {
      if (waiting.length < SECRET_BYTES) continue
      frames = await make(waiting.subarray(0, SECRET_BYTES))
      waiting = waiting.subarray(SECRET_BYTES)
    }
    while (waiting.length >= HEAD_BYTES) {
      const length = new DataView(waiting.buffer, waiting.byteOffset).getUint32(0)
      if (ended || length < TAG_BYTES || length > PIECE_BYTES + TAG_BYTES) throw notForUs()
      if (waiting.length < HEAD_BYTES + length) break
      const piece = await frames.open(waiting.subarray(HEAD_BYTES, HEAD_BYTES + length))
      waiting = waiting.subarray(HEAD_BYTES + length)
      if (piece) yield piece
      else ended = true
    }
  }
  if (!ended || waiting.length > 0) throw notForUs()
}

/** The nonces of an answer's pieces: each one's number over the answer's nonce (RFC 9180, section 5.2). */
export class Nonces {
  private readonly base: Uint8Array
  private count = 0

  constructor(base: Uint8Array) {
    this.base = base
  }

  next(): Uint8Array<ArrayBuffer> {
    if (this.count >= MOST_PIECES) throw new RangeError('an answer has too many pieces')
    const nonce = new Uint8Array(this.base)
    const view = new DataView(nonce.buffer)
    view.setUint32(NONCE_BYTES - 4, (view.getUint32(NONCE_BYTES - 4) ^ this.count++) >>> 0)
    return nonce
  }
}
