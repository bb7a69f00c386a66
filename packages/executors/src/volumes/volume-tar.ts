import type { Owner, VolumeEntry } from './volume-archive.ts'

const BLOCK = 512
const NAME_BYTES = 100
const ZEROS = Buffer.alloc(64 * 1024)
const KINDS = { file: '0', 'hard-link': '1', link: '2', folder: '5' } as const
/** What GNU's long names are called, and nobody reads. */
const LONG = '././@LongLink'

/**
 * Writes entries as a tar archive (GNU's format, whose names are bytes of any number); what has no owner of
 * its own is `owner`'s. Files are whole, sparse or not. Paths begin with `prefix`.
 */
export async function* writeTar(
  entries: AsyncIterable<VolumeEntry>,
  owner: Owner,
  prefix: string,
): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    const path = [prefix, ...entry.steps].join('/')
    const target = entry.type === 'hard-link' ? [prefix, ...entry.target].join('/') : (entry.target[0] ?? '')
    if (path.length >= NAME_BYTES) yield longName('L', path)
    if (target.length >= NAME_BYTES) yield longName('K', target)
    yield header({
      kind: KINDS[entry.type],
      path: entry.type === 'folder' ? `${path}/` : path,
      target,
      size: entry.size,
      mode: entry.mode,
      modified: entry.modified ?? Math.floor(Date.now() / 1000),
      ...(entry.owner ?? owner),
    })
    yield* wholeContent(entry)
    yield Buffer.alloc(paddingOf(entry.size))
  }
  yield Buffer.alloc(2 * BLOCK)
}

/** A file's content, with zeros where a sparse one has nothing. */
async function* wholeContent({ size, pieces, content }: VolumeEntry): AsyncGenerator<Buffer> {
  if (!pieces) return yield* content()
  const stored = content()
  let held: Buffer = Buffer.alloc(0)
  let at = 0
  for (const { offset, bytes } of pieces) {
    yield* zeros(offset - at)
    for (let left = bytes; left > 0; ) {
      if (held.length === 0) held = (await stored.next()).value ?? held
      const part = held.subarray(0, left)
      held = held.subarray(part.length)
      left -= part.length
      yield part
    }
    at = offset + bytes
  }
  yield* zeros(size - at)
}

function* zeros(count: number): Generator<Buffer> {
  for (let left = count; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
}

function longName(kind: 'L' | 'K', name: string): Buffer {
  const body = Buffer.from(`${name}\0`, 'latin1')
  const description = {
    kind,
    path: LONG,
    target: '',
    size: body.length,
    mode: 0,
    modified: 0,
    uid: 0,
    gid: 0,
  }
  return Buffer.concat([header(description), body, Buffer.alloc(paddingOf(body.length))])
}

interface Description extends Owner {
  kind: string
  path: string
  target: string
  size: number
  mode: number
  modified: number
}

function header({ kind, path, target, size, mode, modified, uid, gid }: Description): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(path, 0, NAME_BYTES, 'latin1')
  writeNumber(block, mode, 100, 8)
  writeNumber(block, uid, 108, 8)
  writeNumber(block, gid, 116, 8)
  writeNumber(block, size, 124, 12)
  writeNumber(block, Math.max(0, Math.floor(modified)), 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(kind, 156, 'latin1')
  block.write(target, 157, NAME_BYTES, 'latin1')
  block.write('ustar  \0', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** In octal digits, or as GNU's binary number where those don't hold it. */
function writeNumber(block: Buffer, value: number, at: number, length: number): void {
  const digits = value.toString(8)
  if (digits.length < length) block.write(`${digits.padStart(length - 1, '0')}\0`, at, 'latin1')
  else {
    block.writeUIntBE(value, at + length - 6, 6)
    block[at] = 0x80
  }
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
