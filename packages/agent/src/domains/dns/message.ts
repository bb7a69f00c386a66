// Messages of DNS as they are sent: RFC 1035, section 4, and RFC 2136, section 2, for updates.
import { CloisterError } from '@cloister/core'

/** Types of records (RFC 1035, section 3.2.2; RFC 8945, section 4.2). */
export const TYPE = { ns: 2, cname: 5, soa: 6, txt: 16, tsig: 250 } as const
/** Classes; `none` takes one record away, where updates say it (RFC 2136, section 2.5.4). */
export const CLASS = { in: 1, none: 254, any: 255 } as const
const OPCODE_UPDATE = 5
/** What a server says that is done. */
export const NO_ERROR = 0
/** There is no such name. */
export const NX_DOMAIN = 3
const MAX_NAME_BYTES = 255
/** Records that are read of one message. */
const MOST_RECORDS = 500

/** A record of a message. `data` has names as they are in the message, which may be compressed. */
interface DnsRecord {
  name: string
  type: number
  class: number
  /** Where it begins in the message, and where its data does. */
  at: number
  dataAt: number
  data: Buffer
}

/** A message, read. */
export interface DnsMessage {
  id: number
  isAnswer: boolean
  isAuthoritative: boolean
  /** What came of it (RFC 1035, section 4.1.1; RFC 2136, section 2.2). */
  code: number
  answers: DnsRecord[]
  authority: DnsRecord[]
  additional: DnsRecord[]
}

/** A question for records of a name, which nobody else is to be asked about. */
export function writeQuestion(id: number, name: string, type: number): Buffer {
  return Buffer.concat([header(id, 0, [1, 0, 0, 0]), writeName(name), u16(type), u16(CLASS.in)])
}

/** A change to a zone: TXT records that come, with seconds that they may be remembered, or go. */
export function writeUpdate(
  id: number,
  zone: string,
  change: { name: string; text: string; ttl?: number },
): Buffer {
  const { name, text, ttl } = change
  const data = writeText(text)
  const ttlBytes = Buffer.alloc(4)
  ttlBytes.writeUInt32BE(ttl ?? 0)
  return Buffer.concat([
    header(id, OPCODE_UPDATE, [1, 0, 1, 0]),
    ...[writeName(zone), u16(TYPE.soa), u16(CLASS.in)],
    ...[writeName(name), u16(TYPE.txt), u16(ttl === undefined ? CLASS.none : CLASS.in), ttlBytes],
    ...[u16(data.length), data],
  ])
}

/** A name as a message has it, in lower case and not compressed. Throws `bad-name`. */
export function writeName(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.').filter(Boolean)
  const bytes = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.alloc(1),
  ])
  if (bytes.length > MAX_NAME_BYTES || labels.some((label) => label.length > 63))
    throw new CloisterError('bad-name', `${name.slice(0, 80)} is too long for DNS.`)
  return bytes
}

/** Reads a message that a stranger sent. Throws `bad-answer`. */
export function readMessage(bytes: Buffer): DnsMessage {
  try {
    return read(bytes)
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    return bad(cause)
  }
}

function read(bytes: Buffer): DnsMessage {
  const flags = bytes.readUInt16BE(2)
  const [questions = 0, ...counts] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at))
  if (counts.reduce((sum, count) => sum + count, questions) > MOST_RECORDS) return bad()
  let at = 12
  for (let left = questions; left > 0; left--) at = readName(bytes, at).end + 4
  const [answers = [], authority = [], additional = []] = counts.map((count) =>
    Array.from({ length: count }, () => {
      const record = readRecord(bytes, at)
      at = record.dataAt + record.data.length
      return record
    }),
  )
  return {
    id: bytes.readUInt16BE(0),
    isAnswer: (flags & 0x8000) !== 0,
    isAuthoritative: (flags & 0x0400) !== 0,
    code: flags & 0x000f,
    answers,
    authority,
    additional,
  }
}

function readRecord(bytes: Buffer, at: number): DnsRecord {
  const { name, end } = readName(bytes, at)
  const dataAt = end + 10
  const length = bytes.readUInt16BE(end + 8)
  if (dataAt + length > bytes.length) return bad()
  return {
    name,
    type: bytes.readUInt16BE(end),
    class: bytes.readUInt16BE(end + 2),
    at,
    dataAt,
    data: bytes.subarray(dataAt, dataAt + length),
  }
}

/**
 * A name at a place of a message, in lower case, and where what follows it begins. A pointer (RFC 1035,
 * section 4.1.4) has to lead to before where it stands, and a name has 255 bytes at the most, so that there
 * is an end. Throws `bad-answer`.
 */
export function readName(bytes: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = []
  let size = 1
  let end: number | undefined
  for (let at = from; ; ) {
    const length = bytes.readUInt8(at)
    if (length >= 0xc0) {
      const to = bytes.readUInt16BE(at) & 0x3fff
      if (to >= at) return bad()
      end ??= at + 2
      at = to
      continue
    }
    if (length > 63) return bad()
    if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 }
    size += 1 + length
    if (size > MAX_NAME_BYTES || at + 1 + length > bytes.length) return bad()
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
}

/** The text of a TXT record, its pieces put together (RFC 1035, section 3.3.14). */
export function readText(data: Buffer): string {
  const pieces: string[] = []
  for (let at = 0; at < data.length; at += 1 + (data[at] as number))
    pieces.push(data.toString('latin1', at + 1, at + 1 + (data[at] as number)))
  return pieces.join('')
}

function writeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length > 255) throw new CloisterError('bad-request', 'A text of DNS has 255 bytes at most.')
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

function header(id: number, opcode: number, counts: readonly number[]): Buffer {
  return Buffer.concat([u16(id), u16(opcode << 11), ...counts.map(u16)])
}

/** A number as two bytes. */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function bad(cause?: unknown): never {
  throw new CloisterError('bad-answer', 'A name server answers with what is no message of DNS.', { cause })
}
