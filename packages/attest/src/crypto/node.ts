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
      key: { kty: 'EC', crv: curve, x: base64url(point.subarray(0, half)), y: base64url(point.subarray(half)) },
    })
    return verifyKey(curve === 'P-256' ? 'sha256' : 'sha384', { key, dsaEncoding: 'ieee-p1363' as const })
  },
  async rsaPssKey(spki) {
    const key = createPublicKey({ format: 'der', type: 'spki', key: Buffer.from(spki) })
    return verifyKey('sha384', { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 })
  },
}

function verifyKey(hash: string, key: { key: KeyObject; dsaEncoding?: 'ieee-p1363'; padding?: number; saltLength?: number }): VerifyKey {
  return {
    async verify(message, signature) {
      try {
        return verify(hash, message, key, signature)
      } catch {
        return false
      }
    },
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
