import { bytesToHex, hexToBytes } from '@noble/hashes/utils'
import { EvidenceError } from './errors.ts'

/** Reads little-endian fields one after another; throws `truncated` rather than read past the end. */
export class ByteReader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly what: string
  offset = 0

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.what = what
  }

  get left(): number {
    return this.bytes.length - this.offset
  }

  take(length: number): Uint8Array {
    const start = this.advance(length)
    return this.bytes.subarray(start, start + length)
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true)
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true)
  }

  private advance(length: number): number {
    const start = this.offset
    if (length > this.bytes.length - start)
      throw new EvidenceError(
        'truncated',
        `${this.what} ends at byte ${this.bytes.length}, in the middle of a field of ${length} bytes at ${start}.`,
      )
    this.offset = start + length
    return start
  }
}

/** Whether two byte strings are the same. For public values: it takes as long as their common beginning. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** Lower case, without a prefix. */
export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes)
}

/** Reads hexadecimal digits of any case, with or without `0x`. Throws `bad-hex`. */
export function fromHex(text: string, what: string): Uint8Array {
  try {
    return hexToBytes(text.startsWith('0x') ? text.slice(2) : text)
  } catch (cause) {
    throw new EvidenceError('bad-hex', `${what} is not a string of hexadecimal digits.`, { cause })
  }
}

/** Strict base64 (RFC 4648, section 4; padding needed). Throws `bad-base64`. */
export function fromBase64(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new EvidenceError('bad-base64', `${what} is not base64.`)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
