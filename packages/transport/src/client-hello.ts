// Reads which host a TLS client asks for before anything is decrypted: the server name in its ClientHello.
// RFC 8446, sections 4.1.2, 4.2 and 5.1 (as in TLS 1.2); RFC 6066, section 3.

/**
 * Bytes of a ClientHello that are read, with the heads of its records. Keys of post-quantum kinds take 2 KiB.
 */
export const MAX_HELLO_BYTES = 16 * 1024

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const SERVER_NAME = 0
const HOST_NAME = 0
const RECORD_HEAD = 5
/** Section 5.1: what one record may have. */
const MAX_RECORD_BYTES = 16_384
const MAX_NAME_BYTES = 253

/**
 * What reading came to: it takes more bytes, this is no hello, or it is whole and asks for a host by name
 * (in lower case), or for none.
 */
export type Hello = { state: 'more' } | { state: 'bad' } | { state: 'whole'; name: string | undefined }

/** Reads the ClientHello that a connection begins with, as far as it has come; it may be in many records. */
export function readClientHello(bytes: Buffer): Hello {
  const handshake = gather(bytes)
  if (!handshake) return { state: 'bad' }
  if (handshake.length >= 1 && handshake[0] !== CLIENT_HELLO) return { state: 'bad' }
  const length = handshake.length < 4 ? undefined : handshake.readUIntBE(1, 3)
  if (length !== undefined && length > MAX_HELLO_BYTES) return { state: 'bad' }
  if (length === undefined || handshake.length < 4 + length)
    return { state: bytes.length >= MAX_HELLO_BYTES ? 'bad' : 'more' }
  const name = nameIn(new Reader(handshake.subarray(4, 4 + length)))
  return name === false ? { state: 'bad' } : { state: 'whole', name }
}

/** What the records carry, one after the other; undefined where they are no handshake. */
function gather(bytes: Buffer): Buffer | undefined {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE) return undefined
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return undefined
    if (at + RECORD_HEAD > bytes.length) break
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD_BYTES) return undefined
    pieces.push(bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length))
    at += RECORD_HEAD + length
  }
  return Buffer.concat(pieces)
}

/** False where the hello isn't formed as it has to be. */
function nameIn(hello: Reader): string | undefined | false {
  hello.take(2 + 32)
  hello.take(hello.number(1))
  hello.take(hello.number(2))
  hello.take(hello.number(1))
  if (hello.isBroken) return false
  if (hello.left === 0) return undefined
  const extensions = new Reader(hello.take(hello.number(2)))
  if (hello.isBroken || hello.left > 0) return false
  let name: string | undefined | false
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const body = extensions.take(extensions.number(2))
    if (extensions.isBroken) return false
    if (type !== SERVER_NAME) continue
    // Section 4.2: no extension comes twice.
    if (name !== undefined) return false
    name = hostIn(new Reader(body))
    if (name === false) return false
  }
  return name
}

function hostIn(extension: Reader): string | false {
  const list = new Reader(extension.take(extension.number(2)))
  if (extension.isBroken || extension.left > 0) return false
  const type = list.number(1)
  const name = list.take(list.number(2))
  // A list of one: other kinds of names were never defined.
  if (list.isBroken || list.left > 0 || type !== HOST_NAME) return false
  const text = name.toString('latin1').toLowerCase()
  return text.length <= MAX_NAME_BYTES && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?$/.test(text) ? text : false
}

/** Takes bytes off a piece; once there are too few it is broken, and gives nothing. */
class Reader {
  isBroken = false
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  number(size: 1 | 2): number {
    const bytes = this.take(size)
    return this.isBroken ? 0 : bytes.readUIntBE(0, size)
  }

  take(size: number): Buffer {
    if (this.isBroken || size > this.left) {
      this.isBroken = true
      return Buffer.alloc(0)
    }
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }
}
