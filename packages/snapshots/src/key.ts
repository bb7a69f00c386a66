import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { CloisterError } from '@cloister/core'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Before what is sealed: whether it was packed first. */
const PLAIN = 0
const PACKED = 1
/** Bytes that something sealed may unpack to. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024

/**
 * What a tenant's snapshots are sealed with. Two keys are made of it (HKDF-SHA256, RFC 5869): one to seal
 * (AES-256-GCM, NIST SP 800-38D, a random nonce each), one to name things by (HMAC-SHA256), so that neither
 * names nor equal contents tell the storage anything.
 */
export class SnapshotKey {
  private readonly sealing: Buffer
  private readonly naming: Buffer

  /** @param secret 32 bytes. */
  constructor(secret: Uint8Array) {
    if (secret.length !== KEY_BYTES)
      throw new CloisterError('bad-key', `A snapshot key has ${KEY_BYTES} bytes.`)
    const derive = (purpose: string) =>
      Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `cloister snapshots 1: ${purpose}`, KEY_BYTES))
    this.sealing = derive('seal')
    this.naming = derive('name')
  }

  /** Bytes of a fresh key. */
  static generate(): Buffer {
    return randomBytes(KEY_BYTES)
  }

  /** A name that only this key gives. */
  nameOf(purpose: string, bytes: Uint8Array): string {
    return createHmac('sha256', this.naming).update(purpose).update('\0').update(bytes).digest('hex')
  }

  /** Seals bytes for one place: what was sealed for another doesn't open there. */
  seal(bytes: Uint8Array, place: string): Buffer {
    const packed = zstdCompressSync(bytes)
    const isSmaller = packed.length < bytes.length * 0.95
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.sealing, nonce)
    cipher.setAAD(Buffer.from(place))
    const head = cipher.update(Buffer.from([isSmaller ? PACKED : PLAIN]))
    const body = cipher.update(isSmaller ? packed : bytes)
    return Buffer.concat([nonce, head, body, cipher.final(), cipher.getAuthTag()])
  }

  /** Throws `snapshot-damaged` where something else lies there than was sealed for it. */
  open(sealed: Uint8Array, place: string): Buffer {
    try {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length)
      const decipher = createDecipheriv('aes-256-gcm', this.sealing, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(Buffer.from(place))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const opened = Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
        decipher.final(),
      ])
      const content = opened.subarray(1)
      return opened[0] === PACKED
        ? zstdDecompressSync(content, { maxOutputLength: MAX_UNPACKED_BYTES })
        : content
    } catch (cause) {
      throw new CloisterError('snapshot-damaged', 'What lies there is not what was stored.', { cause })
    }
  }
}
