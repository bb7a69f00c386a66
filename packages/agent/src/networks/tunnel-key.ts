import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto'
import { bytesToHex, type Hex } from 'viem'

/** What stands before 32 bytes of an X25519 key in PKCS #8 (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/**
 * WireGuard's keys for a place of a lease: the private one in hexadecimal digits, the public one in 32 bytes.
 * They follow from the worker's own secret, so that a start finds those that others know already.
 *
 * @param secret The worker's, 32 bytes.
 */
export function tunnelKey(
  secret: Uint8Array,
  lease: Hex,
  network: string,
  place: string,
): { privateKey: string; publicKey: Hex } {
  const purpose = ['cloister private network', lease, network, place].join('\0')
  const bytes = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), purpose, 32))
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { privateKey: bytes.toString('hex'), publicKey: bytesToHex(Buffer.from(x, 'base64url')) }
}
