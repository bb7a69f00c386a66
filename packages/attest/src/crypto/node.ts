import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { CryptoPort, HashName, VerifyKey } from './port.ts'

const NODE_HASH: Record<HashName, string> = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' }

export const crypto: CryptoPort = {
  async digest(hash, data) {
    return new Uint8Array(createHash(NODE_HASH[hash]).update(data).digest())
  },
  async ecdsaKey(curve, point) {
    const half = point.length / 2
    const key = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: curve,
        x: base64url(point.subarray(0, half)),
        y: base64url(point.subarray(half)),
      },
    })
    // Node takes half as long again for r ‖ s as for DER.
    return verifyKey(curve === 'P-256' ? 'sha256' : 'sha384', { key }, (signature) =>
      signature.length === half * 2 ? toDer(signature) : undefined,
    )
  },
  async rsaPssKey(spki) {
    const key = createPublicKey({ format: 'der', type: 'spki', key: Buffer.from(spki) })
    return verifyKey(
      'sha384',
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 },
      (signature) => signature,
    )
  },
}

function verifyKey(
  hash: string,
  key: { key: KeyObject; padding?: number; saltLength?: number },
  encode: (signature: Uint8Array) => Uint8Array | undefined,
): VerifyKey {
  return {
    async verify(message, signature) {
      try {
        const encoded = encode(signature)
        return encoded !== undefined && verify(hash, message, key, encoded)
      } catch {
        return false
      }
    },
  }
}

/** ECDSA-Sig-Value (RFC 3279, section 2.2.3) of r ‖ s; shorter than 128 bytes for both curves. */
function toDer(signature: Uint8Array): Uint8Array {
  const numbers = [signature.subarray(0, signature.length / 2), signature.subarray(signature.length / 2)].map(
    (number) => {
      let start = 0
      while (start < number.length - 1 && number[start] === 0) start++
      const high = (number[start] ?? 0) >= 0x80
      const length = number.length - start + (high ? 1 : 0)
      return Buffer.concat([Buffer.from(high ? [2, length, 0] : [2, length]), number.subarray(start)])
    },
  )
  const contents = Buffer.concat(numbers)
  return Buffer.concat([Buffer.of(0x30, contents.length), contents])
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
