import { CloisterError } from '../errors/error.ts'
import { DIGEST_BYTES, VOLUME_BLOCK_BYTES } from './volumes.ts'

/** What a frame carries. */
export const FRAME = {
  /** A digest, and the block that has it. */
  block: 1,
  /** A piece of the inventory; all of them together are it. */
  inventory: 2,
  /** How many bytes of files were read so far: eight bytes, big-endian. */
  progress: 3,
  /** The volume was read to its end: JSON, `VolumeSummary`. */
  end: 4,
  /** It can't be read: JSON with the reason. */
  failure: 5,
} as const

const KINDS = new Set<number>(Object.values(FRAME))
const HEAD_BYTES = 5
const MOST_BYTES = DIGEST_BYTES + VOLUME_BLOCK_BYTES

export interface Frame {
  kind: number
  payload: Uint8Array
}

/** What was read of a volume. */
export interface VolumeSummary {
  files: number
  /** Bytes of all files, holes included. */
  bytes: number
  /** What no inventory has: sockets, devices, names that are too long. Ten names at the most. */
  leftOut: { count: number; names: string[] }
}

/**
 * The head of a frame whose payload has so many bytes: its kind, and its length in four bytes, big-endian.
 */
export function frameHead(kind: number, bytes: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  new DataView(head.buffer).setUint32(1, bytes)
  head[0] = kind
  return head
}

/**
 * Frames of a stream, each in memory of its own or in a piece of the stream that holds all of it: it holds
 * until the next one is asked for. Throws `bad-answer` where the stream has something else, or ends within
 * one.
 */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const joined = new JoinedFrame()
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; ) {
      const whole = joined.isEmpty ? frameAt(chunk, at) : undefined
      if (whole) {
        yield whole
        at += HEAD_BYTES + whole.payload.length
        continue
      }
      at += joined.add(chunk.subarray(at))
      const frame = joined.take()
      if (frame) yield frame
    }
  if (!joined.isEmpty) throw malformed()
}

/** The frame that begins there, where all of it is there. */
function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  if (bytes.length - at < HEAD_BYTES) return undefined
  const { kind, length } = readHead(bytes, at)
  const start = at + HEAD_BYTES
  return bytes.length < start + length ? undefined : { kind, payload: bytes.subarray(start, start + length) }
}

function readHead(bytes: Uint8Array, at: number): { kind: number; length: number } {
  const kind = bytes[at] ?? 0
  const length = new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getUint32(0)
  if (!KINDS.has(kind) || length > MOST_BYTES) throw malformed()
  return { kind, length }
}

/** A frame that comes in pieces, each of which is copied once. */
class JoinedFrame {
  /** Grows to what the largest frame so far took. */
  private bytes = new Uint8Array(HEAD_BYTES)
  private filled = 0

  get isEmpty(): boolean {
    return this.filled === 0
  }

  /** Takes what belongs to the frame from the beginning of `piece`, and says how many bytes that were. */
  add(piece: Uint8Array): number {
    const wanted = this.filled < HEAD_BYTES ? HEAD_BYTES : this.length
    const taken = Math.min(wanted - this.filled, piece.length)
    if (wanted > this.bytes.length) {
      const larger = new Uint8Array(wanted)
      larger.set(this.bytes.subarray(0, this.filled))
      this.bytes = larger
    }
    this.bytes.set(piece.subarray(0, taken), this.filled)
    this.filled += taken
    return taken
  }

  /** The frame once it is whole; the next one begins then. */
  take(): Frame | undefined {
    if (this.filled < HEAD_BYTES || this.filled < this.length) return undefined
    const { kind } = readHead(this.bytes, 0)
    const payload = this.bytes.subarray(HEAD_BYTES, this.filled)
    this.filled = 0
    return { kind, payload }
  }

  private get length(): number {
    return HEAD_BYTES + readHead(this.bytes, 0).length
  }
}

function malformed(): CloisterError {
  return new CloisterError('bad-answer', 'What came is no stream of blocks of a volume.')
}
