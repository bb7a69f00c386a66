const BLOCK = 512
/** Bytes of one extended header or long name, as in Go's archive/tar. */
const MAX_EXTENSION_BYTES = 1024 * 1024
/** Extended headers and long names before one entry. Decent archives have four at the most. */
const MAX_EXTENSIONS = 16
/** Pieces of one sparse file. */
const MAX_PIECES = 65_536
/** Bytes of the map of one, in decimal numbers: above what so many pieces take. */
const MAX_MAP_BYTES = 4 * 1024 * 1024

/**
 * What an entry of an archive is. Names and link targets hold one character for each byte, whatever their
 * encoding.
 */
export interface TarEntry {
  type: 'file' | 'hard-link' | 'link' | 'folder' | 'device' | 'fifo'
  path: string
  /** Target of a link, byte by byte as it is written. */
  linkPath: string
  mode: number
  uid: number
  gid: number
  /** Seconds since 1970. */
  modified: number
  /** Bytes of the file. */
  size: number
  /** Bytes of it that are stored in the archive; a sparse file has fewer than `size`. */
  stored: number
  /** Where its stored bytes begin in the archive. */
  offset: number
  /** Where the stored bytes of a sparse file belong. */
  pieces: { offset: number; bytes: number }[] | undefined
  /** The stored bytes. What isn't read is passed over. */
  content(): AsyncGenerator<Buffer>
}

/** An archive that is no archive, or one with something that nothing here reads. */
export class TarError extends Error {}

const TYPES: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hard-link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'folder',
  '6': 'fifo',
}

/**
 * Reads a tar archive: ustar and pax (POSIX.1-2017, `pax`, "pax Interchange Format" and "ustar Interchange
 * Format"), and GNU's long names, binary numbers and sparse files (GNU tar manual, "Basic Tar Format" and
 * "Storing Sparse Files"). Entries come in order, one at a time. `extended` is told the bytes of all that
 * describes entries and is none itself, and may throw. A piece of `source`, and of an entry's content, holds
 * until the next one is asked for. Throws a `TarError`.
 */
export async function* readTar(
  source: AsyncIterable<Buffer>,
  extended: (bytes: number) => void = () => {},
): AsyncGenerator<TarEntry> {
  const bytes = new Bytes(source)
  let records: [string, string][] = []
  let longPath: string | undefined
  let longLink: string | undefined
  let extensions = 0
  for (;;) {
    const header = await bytes.take(BLOCK)
    if (!header || header.every((byte) => byte === 0)) return
    checkSum(header)
    const kind = textAt(header, 156, 1) || '\0'
    const size = numberAt(header, 124, 12)
    if ('xgLK'.includes(kind)) {
      if (size > MAX_EXTENSION_BYTES) throw new TarError('an extended header is too long')
      if (++extensions > MAX_EXTENSIONS) throw new TarError('an entry has too many extended headers')
      extended(size)
      const value = await bytes.demand(size)
      await bytes.demand(paddingOf(size))
      // A global header says nothing that an image needs, as in Go's archive/tar.
      if (kind === 'x') records = readRecords(value)
      else if (kind === 'L') longPath = cutAtNul(value.toString('latin1'))
      else if (kind === 'K') longLink = cutAtNul(value.toString('latin1'))
      continue
    }
    const entry = await readEntry(bytes, header, kind, size, records, longPath, longLink, extended)
    records = []
    extensions = 0
    longPath = longLink = undefined
    let left = entry.type === 'file' ? entry.stored : 0
    const padding = paddingOf(entry.type === 'file' ? entry.padded : 0)
    async function* content() {
      while (left > 0) {
        const chunk = await bytes.some(left)
        left -= chunk.length
        yield chunk
      }
    }
    yield { ...entry, offset: bytes.taken, content }
    for await (const _ of content());
    await bytes.demand(padding)
  }
}

type Described = Omit<TarEntry, 'content' | 'offset'> & { padded: number }

async function readEntry(
  bytes: Bytes,
  header: Buffer,
  kind: string,
  headerSize: number,
  records: [string, string][],
  longPath: string | undefined,
  longLink: string | undefined,
  extended: (bytes: number) => void,
): Promise<Described> {
  const pax = new Map(records)
  let type = TYPES[kind]
  if (!type) throw new TarError(`it has an entry of the unknown kind ${JSON.stringify(kind)}`)
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? textAt(header, 345, 155) : ''
  const short = textAt(header, 0, 100)
  const path =
    pax.get('GNU.sparse.name') ??
    pax.get('path') ??
    longPath ??
    (prefix === '' ? short : `${prefix}/${short}`)
  const linkPath = pax.get('linkpath') ?? longLink ?? textAt(header, 157, 100)
  if (type === 'file' && kind !== 'S' && path.endsWith('/')) type = 'folder'
  const padded = decimal(pax.get('size')) ?? headerSize
  const described: Described = {
    type,
    path,
    linkPath,
    mode: numberAt(header, 100, 8) & 0o7777,
    uid: decimal(pax.get('uid')) ?? numberAt(header, 108, 8),
    gid: decimal(pax.get('gid')) ?? numberAt(header, 116, 8),
    modified: Number.parseFloat(pax.get('mtime') ?? '') || numberAt(header, 136, 12, true),
    size: padded,
    stored: padded,
    padded,
    pieces: undefined,
  }
  if (type !== 'file') return { ...described, size: 0, stored: 0, padded: 0 }
  if (kind === 'S') {
    const pieces = piecesAt(header, 386, 4)
    for (let more = header[482] !== 0; more; ) {
      extended(BLOCK)
      const extension = await bytes.demand(BLOCK)
      pieces.push(...piecesAt(extension, 0, 21))
      if (pieces.length > MAX_PIECES) throw new TarError('a sparse file has too many pieces')
      more = extension[504] !== 0
    }
    return sparse(described, pieces, numberAt(header, 483, 12))
  }
  const realSize = decimal(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size'))
  if (realSize === undefined) return described
  if (pax.get('GNU.sparse.major') === '1') {
    const { pieces, read } = await readMap(bytes, padded, extended)
    return sparse({ ...described, stored: padded - read }, pieces, realSize)
  }
  const map = pax.get('GNU.sparse.map')
  const numbers =
    map === undefined
      ? records.filter(([key]) => /^GNU\.sparse\.(offset|numbytes)$/.test(key)).map(([, value]) => value)
      : map.split(',')
  return sparse(described, pair(numbers), realSize)
}

function sparse(entry: Described, pieces: { offset: number; bytes: number }[], size: number): Described {
  let end = 0
  let stored = 0
  for (const { offset, bytes } of pieces) {
    if (offset < end || offset + bytes > size) throw new TarError('the pieces of a sparse file do not fit it')
    end = offset + bytes
    stored += bytes
  }
  if (stored !== entry.stored)
    throw new TarError('the pieces of a sparse file do not fit what is stored of it')
  return { ...entry, size, pieces }
}

/**
 * The map before the content of a sparse file in GNU's pax format 1.0: decimal numbers, a line each, filled
 * up to whole blocks.
 */
async function readMap(
  bytes: Bytes,
  available: number,
  extended: (bytes: number) => void,
): Promise<{ pieces: { offset: number; bytes: number }[]; read: number }> {
  const blocks: string[] = []
  let lines = 0
  let count: number | undefined
  for (let read = 0; read < Math.min(available, MAX_MAP_BYTES); ) {
    extended(BLOCK)
    const block = (await bytes.demand(BLOCK)).toString('latin1')
    blocks.push(block)
    read += BLOCK
    for (let at = block.indexOf('\n'); at >= 0; at = block.indexOf('\n', at + 1)) lines++
    if (lines === 0) continue
    // Once, since each look at all of it takes longer than the one before.
    count ??= decimal(blocks.join('').split('\n', 1)[0]) ?? 0
    if (count > MAX_PIECES) throw new TarError('a sparse file has too many pieces')
    if (lines > 2 * count)
      return {
        pieces: pair(
          blocks
            .join('')
            .split('\n', 1 + 2 * count)
            .slice(1),
        ),
        read,
      }
  }
  throw new TarError('the map of a sparse file is cut short')
}

function pair(numbers: string[]): { offset: number; bytes: number }[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MAX_PIECES)
    throw new TarError('the map of a sparse file is malformed')
  const all = numbers.map((text) => decimal(text) ?? 0)
  return Array.from({ length: all.length / 2 }, (_, index) => ({
    offset: all[2 * index] ?? 0,
    bytes: all[2 * index + 1] ?? 0,
  }))
}

function piecesAt(block: Buffer, at: number, count: number): { offset: number; bytes: number }[] {
  return Array.from({ length: count }, (_, index) => at + index * 24)
    .filter((start) => block[start] !== 0)
    .map((start) => ({ offset: numberAt(block, start, 12), bytes: numberAt(block, start + 12, 12) }))
}

/** Records of a pax header: `LENGTH KEY=VALUE\n`, the length being that of the whole record. */
function readRecords(header: Buffer): [string, string][] {
  const records: [string, string][] = []
  for (let at = 0; at < header.length; ) {
    const space = header.indexOf(0x20, at)
    const length = space < 0 ? undefined : decimal(header.toString('latin1', at, space))
    if (length === undefined || at + length > header.length || header[at + length - 1] !== 0x0a)
      throw new TarError('a pax header is malformed')
    const record = header.toString('latin1', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    if (equals < 1) throw new TarError('a pax header is malformed')
    records.push([record.slice(0, equals), record.slice(equals + 1)])
    at += length
  }
  return records
}

function checkSum(header: Buffer): void {
  const stated = numberAt(header, 148, 8)
  let unsigned = 0
  let signed = 0
  for (const [index, value] of header.entries()) {
    const byte = index >= 148 && index < 156 ? 0x20 : value
    unsigned += byte
    // Some old programs added signed bytes.
    signed += byte > 127 ? byte - 256 : byte
  }
  if (stated !== unsigned && stated !== signed) throw new TarError('it is no tar archive')
}

/**
 * An octal number, or GNU's binary one, which has the highest bit of its first byte set. Times before 1970
 * count as 1970.
 */
function numberAt(block: Buffer, at: number, length: number, mayBeNegative = false): number {
  const first = block[at] ?? 0
  if (first & 0x80) {
    let value = BigInt(first & 0x7f)
    for (let index = 1; index < length; index++) value = (value << 8n) | BigInt(block[at + index] ?? 0)
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    if (mayBeNegative) return 0
    throw new TarError('a number in it is negative or too large')
  }
  const text = textAt(block, at, length).trim()
  if (!/^[0-7]*$/.test(text)) throw new TarError('it is no tar archive')
  return text === '' ? 0 : Number.parseInt(text, 8)
}

function decimal(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new TarError('a number in it is malformed')
  return value
}

function textAt(block: Buffer, at: number, length: number): string {
  return cutAtNul(block.toString('latin1', at, at + length))
}

function cutAtNul(text: string): string {
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** Bytes of a stream, asked for by number. */
class Bytes {
  private readonly source: AsyncIterator<Buffer>
  private held: Buffer = Buffer.alloc(0)
  /** Bytes that were handed out. */
  taken = 0

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** Exactly `count` bytes; undefined where the stream ended before the first. */
  async take(count: number): Promise<Buffer | undefined> {
    // A copy: what is held may be read over once more is asked for.
    const taken = Buffer.alloc(count)
    for (let length = 0; ; ) {
      const copied = this.held.copy(taken, length)
      this.held = this.held.subarray(copied)
      length += copied
      if (length === count) break
      const next = await this.source.next()
      if (next.done) {
        if (length === 0) return undefined
        throw new TarError('it is cut short')
      }
      this.held = next.value
    }
    this.taken += taken.length
    return taken
  }

  async demand(count: number): Promise<Buffer> {
    const taken = count === 0 ? this.held.subarray(0, 0) : await this.take(count)
    if (!taken) throw new TarError('it is cut short')
    return taken
  }

  /** At least one and at most `most` bytes. */
  async some(most: number): Promise<Buffer> {
    while (this.held.length === 0) {
      const next = await this.source.next()
      if (next.done) throw new TarError('it is cut short')
      this.held = next.value
    }
    const taken = this.held.subarray(0, most)
    this.held = this.held.subarray(taken.length)
    this.taken += taken.length
    return taken
  }
}
