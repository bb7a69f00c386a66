import { CloisterError, utf8 } from '@cloister/core'
import { expand, extract } from '@noble/hashes/hkdf'
import { sha256 } from '@noble/hashes/sha2'
import { concat } from 'viem'
import { exact, KEY_BYTES, notForUs, SUITE } from '../hpke.ts'
import {
  EXPORTED,
  type Frames,
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
    const exported = new Uint8Array(await sender.export(exact(EXPORTED), SECRET_BYTES))
    return {
      sealed: new Uint8Array(sealed),
      openAnswer: (body) => openPieces((salt) => framesOf(enc, exported, salt), body),
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
  if (sealed.length < KEY_BYTES + TAG_BYTES) throw notForUs()
  try {
    const recipientKey = await SUITE.kem.deserializePrivateKey(exact(privateKey))
    const enc = new Uint8Array(sealed.subarray(0, KEY_BYTES))
    const recipient = await SUITE.createRecipientContext({
      recipientKey,
      enc: enc.buffer,
      info: exact(utf8(context)),
    })
    const question = new Uint8Array(await recipient.open(exact(sealed.subarray(KEY_BYTES))))
    const exported = new Uint8Array(await recipient.export(exact(EXPORTED), SECRET_BYTES))
    return { question, sealAnswer: (pieces) => sealPieces((salt) => framesOf(enc, exported, salt), pieces) }
  } catch (cause) {
    throw notForUs(cause)
  }
}

/** The frames of one answer, by WebCrypto. */
async function framesOf(enc: Uint8Array, exported: Uint8Array, salt: Uint8Array): Promise<Frames> {
  const secret = extract(sha256, exported, concat([enc, salt]))
  const raw = exact(expand(sha256, secret, utf8('key'), SECRET_BYTES))
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt'])
  const nonces = new Nonces(expand(sha256, secret, utf8('nonce'), NONCE_BYTES))
  const next = (isLast: boolean) => ({
    name: 'AES-GCM',
    iv: nonces.next(),
    additionalData: isLast ? LAST : new Uint8Array(),
  })
  return {
    async seal(piece, isLast) {
      const sealed = await crypto.subtle.encrypt(next(isLast), key, exact(piece))
      const frame = new Uint8Array(HEAD_BYTES + sealed.byteLength)
      new DataView(frame.buffer).setUint32(0, sealed.byteLength)
      frame.set(new Uint8Array(sealed), HEAD_BYTES)
      return frame
    },
    async open(sealed) {
      // The last piece is the only empty one.
      const isLast = sealed.length === TAG_BYTES
      const opened = await crypto.subtle
        .decrypt(next(isLast), key, exact(sealed))
        .catch((cause) => Promise.reject(notForUs(cause)))
      return isLast ? undefined : new Uint8Array(opened)
    },
  }
}
