// The PROXY protocol, versions 1 and 2: what a connection begins with, so that whoever takes it learns of the
// client whose connection it passes on. HAProxy, "The PROXY protocol", 2020/03/05, sections 2.1 and 2.2.
import { isIPv4, isIPv6 } from 'node:net'
import { parseIp } from '@cloister/core'
import { plainAddress } from './address.ts'

/** First bytes of version 2; no text protocol begins so. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V1 = Buffer.from('PROXY ', 'latin1')
/** Section 2.1: the longest line there can be, with CRLF. */
const MAX_V1_BYTES = 107
const HEAD_BYTES = 16
/** More than a few names and a certificate's subject nobody sends. */
const MAX_V2_BYTES = 4096
const TCP4 = 0x11
const TCP6 = 0x21
const UNSPECIFIED = 0x00
const LOCAL = 0x20
const PROXY = 0x21

/** An end of a connection. */
export interface End {
  address: string
  port: number
}

/**
 * What a header says. Without `client` it is the other side itself that speaks, or one it knows nothing of.
 */
export interface ProxyHeader {
  client?: End
  server?: End
  /** Type-length-values of version 2, by type; the first of each. */
  values: Map<number, Buffer>
}

/** The host name that a client asked for (SNI), section 2.2.2. */
export const AUTHORITY = 0x02
/** A type of our own (section 2.2.8): the lease that a connection is for, 32 bytes. */
export const LEASE_VALUE = 0xe0

/** The header of a connection. Ends of which one is IPv4 and the other IPv6 are told as IPv6. */
export function writeProxyHeader(
  version: 'v1' | 'v2',
  client: End | undefined,
  server: End | undefined,
  values: ReadonlyMap<number, Buffer> = new Map(),
): Buffer {
  const ends = client && server ? sameFamily(client, server) : undefined
  if (version === 'v1')
    return Buffer.from(
      ends
        ? `PROXY ${ends.isV6 ? 'TCP6' : 'TCP4'} ${ends.from} ${ends.to} ${client?.port} ${server?.port}\r\n`
        : 'PROXY UNKNOWN\r\n',
      'latin1',
    )
  const addresses = ends
    ? Buffer.concat([bytesOf(ends.from), bytesOf(ends.to), portBytes(client), portBytes(server)])
    : Buffer.alloc(0)
  const more = [...values].map(([type, value]) => {
    const head = Buffer.alloc(3)
    head[0] = type
    head.writeUInt16BE(value.length, 1)
    return Buffer.concat([head, value])
  })
  const rest = Buffer.concat([addresses, ...more])
  const head = Buffer.alloc(4)
  // Without addresses it is still a connection on behalf of somebody: PROXY with AF_UNSPEC.
  head[0] = PROXY
  head[1] = ends ? (ends.isV6 ? TCP6 : TCP4) : UNSPECIFIED
  head.writeUInt16BE(rest.length, 2)
  return Buffer.concat([SIGNATURE, head, rest])
}

/** What reading a header came to: it takes more bytes, there is none, it is wrong, or it is there. */
export type ReadHeader =
  | { state: 'more' }
  | { state: 'none' }
  | { state: 'bad' }
  | { state: 'read'; header: ProxyHeader; bytes: number }

/**
 * Reads a header of either version at the beginning of what has come so far. `bytes` is how long it is; what
 * follows is the connection's own.
 */
export function readProxyHeader(bytes: Buffer): ReadHeader {
  if (startsLike(bytes, SIGNATURE)) return readV2(bytes)
  if (startsLike(bytes, V1)) return readV1(bytes)
  return { state: bytes.length === 0 ? 'more' : 'none' }
}

function readV2(bytes: Buffer): ReadHeader {
  if (bytes.length < HEAD_BYTES) return { state: 'more' }
  const command = bytes[12]
  const family = bytes[13]
  const length = bytes.readUInt16BE(14)
  if ((command !== LOCAL && command !== PROXY) || length > MAX_V2_BYTES) return { state: 'bad' }
  if (bytes.length < HEAD_BYTES + length) return { state: 'more' }
  const rest = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)
  const size = family === TCP4 ? 4 : family === TCP6 ? 16 : 0
  const taken = size === 0 ? 0 : 2 * size + 4
  if (rest.length < taken) return { state: 'bad' }
  const values = size > 0 || family === UNSPECIFIED ? readValues(rest.subarray(taken)) : new Map()
  if (!values) return { state: 'bad' }
  const ends =
    command === PROXY && size > 0
      ? {
          client: endOf(rest.subarray(0, size), rest.readUInt16BE(2 * size)),
          server: endOf(rest.subarray(size, 2 * size), rest.readUInt16BE(2 * size + 2)),
        }
      : {}
  return { state: 'read', header: { ...ends, values }, bytes: HEAD_BYTES + length }
}

function readValues(bytes: Buffer): Map<number, Buffer> | undefined {
  const values = new Map<number, Buffer>()
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) return undefined
    const end = at + 3 + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return undefined
    const type = bytes[at] as number
    if (!values.has(type)) values.set(type, Buffer.from(bytes.subarray(at + 3, end)))
    at = end
  }
  return values
}

function readV1(bytes: Buffer): ReadHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n')
  if (end < 0) return { state: bytes.length >= MAX_V1_BYTES ? 'bad' : 'more' }
  const line = bytes.toString('latin1', 0, end)
  const values = new Map<number, Buffer>()
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { state: 'read', header: { values }, bytes: end + 2 }
  const match = /^PROXY TCP([46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5})$/.exec(line)
  const [, family, from = '', to = '', fromPort, toPort] = match ?? []
  const isAddress = family === '4' ? isIPv4 : isIPv6
  const ports = [Number(fromPort), Number(toPort)]
  if (!match || !isAddress(from) || !isAddress(to) || ports.some((port) => port > 65_535))
    return { state: 'bad' }
  return {
    state: 'read',
    header: {
      client: { address: from, port: Number(fromPort) },
      server: { address: to, port: Number(toPort) },
      values,
    },
    bytes: end + 2,
  }
}

/** Whether bytes begin as `start` does, as far as there are any. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const size = Math.min(bytes.length, start.length)
  return size > 0 && bytes.subarray(0, size).equals(start.subarray(0, size))
}

function sameFamily(client: End, server: End): { isV6: boolean; from: string; to: string } | undefined {
  const [from, to] = [plainAddress(client.address), plainAddress(server.address)]
  if (isIPv4(from) && isIPv4(to)) return { isV6: false, from, to }
  const asV6 = (address: string) => (isIPv4(address) ? `::ffff:${address}` : address)
  return isIPv6(asV6(from)) && isIPv6(asV6(to)) ? { isV6: true, from: asV6(from), to: asV6(to) } : undefined
}

function bytesOf(address: string): Buffer {
  const ip = parseIp(address)
  return Buffer.from((ip?.value ?? 0n).toString(16).padStart(ip?.version === 4 ? 8 : 32, '0'), 'hex')
}

function portBytes(end: End | undefined): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(end?.port ?? 0)
  return bytes
}

function endOf(bytes: Buffer, port: number): End {
  if (bytes.length === 4) return { address: bytes.join('.'), port }
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(2 * group).toString(16))
  // As URLs write it, with the longest run of zeros left out.
  return { address: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port }
}
