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

/** Frames of a stream. Throws `bad-answer` where it has something else, or ends within one. */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held = new Uint8Array()
  let filled = 0
  // One piece of memory, as large as any frame needs, grows with what comes.
  for await (const chunk of source) {
    if (filled === 0) {
      held = chunk as Uint8Array<ArrayBuffer>
      filled = chunk.length
    } else {
      const joined = new Uint8Array(filled + chunk.length)
      joined.set(held.subarray(0, filled))
      joined.set(chunk, filled)
      held = joined
      filled = joined.length
    }
    let at = 0
    while (filled - at >= HEAD_BYTES) {
      const kind = held[at] ?? 0
      const bytes = new DataView(held.buffer, held.byteOffset + at + 1, 4).getUint32(0)
      if (!KINDS.has(kind) || bytes > MOST_BYTES) throw malformed()
      if (filled - at < HEAD_BYTES + bytes) break
      yield { kind, payload: held.subarray(at + HEAD_BYTES, at + HEAD_BYTES + bytes) }
      at += HEAD_BYTES + bytes
    }
    held = held.subarray(at, filled)
    filled -= at
  }
  if (filled > 0) throw malformed()
}

function malformed(): CloisterError {
  return new CloisterError('bad-answer', 'What came is no stream of blocks of a volume.')
}
