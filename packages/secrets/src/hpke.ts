import { CloisterError, fromBase64Url, utf8 } from '@cloister/core'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { concat, hexToBytes } from 'viem'

// RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
export const SUITE = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
})
export const KEY_BYTES = 32
/** What comes before the 32 bytes of an X25519 key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_X25519 = hexToBytes('0x302e020100300506032b656e04220420')
const OVERHEAD_BYTES = KEY_BYTES + 16

/** An X25519 key pair; both raw, 32 bytes. */
export interface KeyPair {
  publicKey: Uint8Array
  privateKey: Uint8Array
}

/** A fresh key pair. */
export async function generateKeyPair(): Promise<KeyPair> {
  return exported(await SUITE.kem.generateKeyPair())
}

/**
 * The key pair that `seed` (at least 32 bytes of secret) always gives: DeriveKeyPair of RFC 9180, section
 * 7.1.3.
 */
export async function deriveKeyPair(seed: Uint8Array): Promise<KeyPair> {
  return exported(await SUITE.kem.deriveKeyPair(exact(seed)))
}

/** The public key of a private one, both raw. */
export async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
  const der = exact(concat([PKCS8_X25519, privateKey]))
  const key = await crypto.subtle.importKey('pkcs8', der, { name: 'X25519' }, true, ['deriveBits'])
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  return fromBase64Url(x)
}

/**
 * Seals for somebody who holds the private keys of all `publicKeys`: once for each, one inside the other.
 * `context` says what it is for and has to be the same when it is opened. Throws `bad-key`.
 */
export async function seal(
  publicKeys: readonly Uint8Array[],
  plaintext: Uint8Array,
  context: string,
): Promise<Uint8Array> {
  let sealed = plaintext
  for (const [index, publicKey] of publicKeys.entries()) {
    try {
      const recipientPublicKey = await SUITE.kem.deserializePublicKey(exact(publicKey))
      const { enc, ct } = await SUITE.seal(
        { recipientPublicKey, info: infoOf(context, index) },
        exact(sealed),
      )
      sealed = concat([new Uint8Array(enc), new Uint8Array(ct)])
    } catch (cause) {
      throw new CloisterError('bad-key', 'Something was to be sealed to a key that is none.', { cause })
    }
  }
  return sealed
}

/**
 * Opens what `seal` sealed, keys in the same order. Throws `not-sealed-for-us` where a key or the context is
 * another, or a byte was changed.
 */
export async function open(
  privateKeys: readonly Uint8Array[],
  sealed: Uint8Array,
  context: string,
): Promise<Uint8Array> {
  let opened = sealed
  for (const [index, privateKey] of [...privateKeys.entries()].reverse()) {
    if (opened.length < OVERHEAD_BYTES) throw notForUs()
    try {
      const recipientKey = await SUITE.kem.deserializePrivateKey(exact(privateKey))
      const enc = exact(opened.subarray(0, KEY_BYTES))
      opened = new Uint8Array(
        await SUITE.open(
          { recipientKey, enc, info: infoOf(context, index) },
          exact(opened.subarray(KEY_BYTES)),
        ),
      )
    } catch (cause) {
      throw notForUs(cause)
    }
  }
  return opened
}

function infoOf(context: string, index: number): ArrayBuffer {
  return exact(utf8(`cloister ${context} ${index}`))
}

export function notForUs(cause?: unknown): CloisterError {
  return new CloisterError(
    'not-sealed-for-us',
    'What is sealed does not open: it was sealed to another key, or changed.',
    { cause },
  )
}

async function exported(pair: { publicKey: unknown; privateKey: unknown }): Promise<KeyPair> {
  const [publicKey, privateKey] = await Promise.all([
    SUITE.kem.serializePublicKey(pair.publicKey as never),
    SUITE.kem.serializePrivateKey(pair.privateKey as never),
  ])
  return { publicKey: new Uint8Array(publicKey), privateKey: new Uint8Array(privateKey) }
}

/** A copy that nobody shares, as WebCrypto wants it. */
export function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
