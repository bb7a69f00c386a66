import { concatBytes } from '../bytes.ts'
import type { CryptoPort, VerifyKey } from './port.ts'

const { subtle } = globalThis.crypto
const UNCOMPRESSED = Uint8Array.of(4)

export const crypto: CryptoPort = {
  async digest(hash, data) {
    return new Uint8Array(await subtle.digest(hash, copy(data)))
  },
  async ecdsaKey(curve, point) {
    const key = await subtle.importKey(
      'raw',
      copy(concatBytes(UNCOMPRESSED, point)),
      { name: 'ECDSA', namedCurve: curve },
      false,
      ['verify'],
    )
    return verifyKey(key, { name: 'ECDSA', hash: curve === 'P-256' ? 'SHA-256' : 'SHA-384' })
  },
  async rsaPssKey(spki) {
    const key = await subtle.importKey('spki', copy(spki), { name: 'RSA-PSS', hash: 'SHA-384' }, false, [
      'verify',
    ])
    return verifyKey(key, { name: 'RSA-PSS', saltLength: 48 })
  },
}

function verifyKey(
  key: Awaited<ReturnType<typeof subtle.importKey>>,
  algorithm: Parameters<typeof subtle.verify>[0],
): VerifyKey {
  return {
    verify: (message, signature) =>
      subtle.verify(algorithm, key, copy(signature), copy(message)).catch(() => false),
  }
}

/** WebCrypto's types want a buffer that nobody shares. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
