// Datagrams in one message: each is preceded by its length in two bytes, the higher one first.

const LENGTH_BYTES = 2
/** The largest datagram of UDP over IPv4 (RFC 768, RFC 791). */
const MOST_BYTES = 65_507
/** Bytes of a message that are not gone beyond where there is more than one datagram. */
export const BATCH_BYTES = 64 * 1024

/** Bytes that a datagram takes of a message. */
export function sizeInBatch(datagram: Uint8Array): number {
  return LENGTH_BYTES + datagram.length
}

/** Several datagrams as one message, in the order they came. */
export function packDatagrams(datagrams: readonly Buffer[]): Buffer {
  const parts = datagrams.flatMap((datagram) => {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt16BE(datagram.length)
    return [length, datagram]
  })
  return Buffer.concat(parts)
}

/** The datagrams of an untrusted message, which they stay part of; undefined if it is malformed. */
export function unpackDatagrams(message: Buffer): Buffer[] | undefined {
  const datagrams: Buffer[] = []
  let at = 0
  while (at < message.length) {
    if (at + LENGTH_BYTES > message.length) return undefined
    const length = message.readUInt16BE(at)
    at += LENGTH_BYTES
    if (length === 0 || length > MOST_BYTES || at + length > message.length) return undefined
    datagrams.push(message.subarray(at, at + length))
    at += length
  }
  return datagrams
}
