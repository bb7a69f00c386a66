import type { Duplex, Readable, Writable } from 'node:stream'

/** Kinds of frames on a call's stream: one byte, then the length of what follows, four bytes, big-endian. */
export const FRAME = {
  /** What is asked for, in JSON. */
  call: 1,
  data: 2,
  /** Data of a second stream: standard error. */
  other: 3,
  /** Something that happens meanwhile, in JSON. */
  note: 4,
  /** The answer, in JSON. */
  done: 5,
  /** Why there is none, in JSON. */
  failed: 6,
  /** No more data comes. */
  end: 7,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

/** One frame as it came. */
export interface Frame {
  kind: FrameKind
  body: Buffer
}

const HEADER_BYTES = 5
/** Files that a container is given come along in a call. */
export const MAX_CALL_BYTES = 64 * 1024 * 1024
/** Anything else. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024
const PIECE_BYTES = 256 * 1024

/** Writes a frame, and waits while the other side is behind. */
export async function writeFrame(to: Writable, kind: FrameKind, body: Uint8Array): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(kind)
  header.writeUInt32BE(body.length, 1)
  // Together, so that frames of two writers don't mix.
  if (to.destroyed) throw new Error('the connection is closed')
  if (!to.write(Buffer.concat([header, body]))) await drained(to)
}

export function writeJson(to: Writable, kind: FrameKind, value: unknown): Promise<void> {
  return writeFrame(to, kind, encode(value))
}

/** Writes all of a stream as data, and then that it has ended. */
export async function writeData(
  to: Writable,
  from: AsyncIterable<Buffer | string>,
  kind: FrameKind = FRAME.data,
): Promise<void> {
  for await (const chunk of from) {
    const bytes = Buffer.from(chunk as Buffer)
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      await writeFrame(to, kind, bytes.subarray(at, at + PIECE_BYTES))
  }
  if (kind === FRAME.data) await writeFrame(to, FRAME.end, new Uint8Array())
}

/**
 * The next frame, of `most` bytes at the most; undefined where the stream has ended. Throws where it is cut
 * short or breaks the rules.
 */
export async function readFrame(from: Readable, most = MAX_FRAME_BYTES): Promise<Frame | undefined> {
  const header = await readExactly(from, HEADER_BYTES)
  if (!header) return undefined
  const length = header.readUInt32BE(1)
  if (length > most) throw new Error('a frame is too long')
  const body = length === 0 ? Buffer.alloc(0) : await readExactly(from, length)
  if (!body) throw new Error('the connection broke off')
  return { kind: header.readUInt8() as FrameKind, body }
}

/** Data up to its end, as it comes. Throws where the stream breaks off before. */
export async function* readData(from: Duplex): AsyncGenerator<Buffer> {
  for (;;) {
    const frame = await readFrame(from)
    if (frame?.kind === FRAME.end) return
    if (frame?.kind !== FRAME.data) throw new Error('the data broke off')
    yield frame.body
  }
}

/** JSON in which bytes are kept. */
function encode(value: unknown): Buffer {
  return Buffer.from(
    JSON.stringify(value ?? null, function (this: Record<string, unknown>, key, known) {
      // Buffers have turned themselves into something else by now.
      const raw = this[key]
      return raw instanceof Uint8Array ? { $bytes: Buffer.from(raw).toString('base64') } : known
    }),
  )
}

export function decode(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('utf8'), (_, value) =>
    typeof value?.$bytes === 'string' ? Buffer.from(value.$bytes, 'base64') : value,
  )
}

function drained(to: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      to.off('drain', done).off('close', done)
      if (to.destroyed) reject(new Error('the connection is closed'))
      else resolve()
    }
    to.on('drain', done).on('close', done)
  })
}

/** What was read of a stream beyond its last frame. */
const readAhead = new WeakMap<Readable, Buffer[]>()

async function readExactly(from: Readable, length: number): Promise<Buffer | undefined> {
  const ahead = readAhead.get(from) ?? []
  readAhead.set(from, ahead)
  for (let held = ahead.reduce((sum, { length }) => sum + length, 0); held < length; ) {
    const chunk = from.read() as Buffer | null
    if (chunk) {
      ahead.push(chunk)
      held += chunk.length
    } else if (from.readableEnded && held === 0) return undefined
    else if (from.readableEnded || from.destroyed) throw new Error('the connection broke off')
    else await somethingNew(from)
  }
  const all = Buffer.concat(ahead)
  ahead.splice(0, ahead.length, ...(all.length > length ? [all.subarray(length)] : []))
  return all.subarray(0, length)
}

/** Gives back what was read beyond the last frame, to whoever reads the stream from now on. */
export function giveBack(to: Readable): void {
  const ahead = readAhead.get(to) ?? []
  readAhead.delete(to)
  if (ahead.length > 0) to.unshift(Buffer.concat(ahead))
}

function somethingNew(from: Readable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) from.off(event, done)
      resolve()
    }
    for (const event of EVENTS) from.on(event, done)
  })
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const
