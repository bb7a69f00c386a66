import { hash } from 'node:crypto'
import {
  type BlockRef,
  encodeBlocks,
  encodeItem,
  FRAME,
  frameHead,
  VOLUME_BLOCK_BYTES,
  type VolumeItem,
  type VolumeSummary,
} from '@cloister/core'
import type { TarEntry } from '@cloister/images'

/** Bytes of files between two words on how far it is. */
const PROGRESS_BYTES = 32 * 1024 * 1024
/** Bytes of a path in an inventory; the same as volumes take. */
const MAX_PATH_BYTES = 3_000
const MAX_LINK_BYTES = 4_095
const MAX_NAMES = 10
/** Characters of the inventory that go out together. */
const INVENTORY_CHARACTERS = 32 * 1024
const ZEROS = Buffer.alloc(VOLUME_BLOCK_BYTES)

/**
 * Frames of a volume that a tar archive has: its inventory, and before that what blocks of it `known` lacks,
 * each once. `strip` is how many steps its paths begin with that aren't the volume's. Owners from `firstId`
 * on are the container's from 0 on. Throws a `TarError`.
 */
export async function* framesOf(
  entries: AsyncIterable<TarEntry>,
  { known, strip, firstId }: { known: Set<string>; strip: number; firstId: number },
): AsyncGenerator<Uint8Array> {
  const summary: VolumeSummary = { files: 0, bytes: 0, leftOut: { count: 0, names: [] } }
  let text = ''
  let told = 0
  let read = 0
  function* flush(most: number): Generator<Uint8Array> {
    while (text.length > most) {
      const piece = Buffer.from(text.slice(0, INVENTORY_CHARACTERS))
      text = text.slice(INVENTORY_CHARACTERS)
      yield frame(FRAME.inventory, piece)
    }
  }
  for await (const entry of entries) {
    const item = itemOf(entry, strip, firstId)
    if (!item) {
      summary.leftOut.count++
      if (summary.leftOut.names.length < MAX_NAMES) summary.leftOut.names.push(entry.path.slice(0, 200))
      continue
    }
    text += encodeItem(item)
    if (item.type === 'file') {
      summary.files++
      summary.bytes += item.size
      let refs: BlockRef[] = []
      for await (const ref of blocksOf(entry)) {
        if (typeof ref === 'number') refs.push(ref)
        else {
          const digest = hash('sha256', ref)
          refs.push(digest)
          read += ref.length
          if (!known.has(digest)) {
            known.add(digest)
            yield frame(FRAME.block, Buffer.from(digest, 'hex'), ref)
          }
        }
        if (read - told >= PROGRESS_BYTES) {
          told = read
          yield progress(read)
        }
        if (refs.length >= 256) {
          text += encodeBlocks(refs)
          refs = []
          yield* flush(INVENTORY_CHARACTERS)
        }
      }
      text += encodeBlocks(refs)
    }
    yield* flush(INVENTORY_CHARACTERS)
  }
  yield* flush(0)
  yield progress(read)
  yield frame(FRAME.end, Buffer.from(JSON.stringify(summary)))
}

/** A whole frame. */
function frame(kind: number, ...parts: Uint8Array[]): Buffer {
  const bytes = parts.reduce((sum, { length }) => sum + length, 0)
  return Buffer.concat([frameHead(kind, bytes), ...parts])
}

function progress(read: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(read))
  return frame(FRAME.progress, bytes)
}

/** Undefined for what no volume can be given: devices, fifos, and names that are too long. */
function itemOf(entry: TarEntry, strip: number, firstId: number): VolumeItem | undefined {
  const { type, mode, modified, size } = entry
  if (type === 'device' || type === 'fifo') return undefined
  const path = pathIn(entry.path, strip)
  const target = type === 'hard-link' ? pathIn(entry.linkPath, strip) : type === 'link' ? entry.linkPath : ''
  if (path.length > MAX_PATH_BYTES || target.length > MAX_LINK_BYTES) return undefined
  return {
    type,
    path,
    target,
    mode,
    uid: Math.max(0, entry.uid - firstId),
    gid: Math.max(0, entry.gid - firstId),
    modified: Number.isFinite(modified) ? modified : 0,
    size: type === 'file' ? size : 0,
  }
}

function pathIn(path: string, strip: number): string {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  return steps.slice(strip).join('/')
}

/** Blocks of a file, and in place of those with nothing but zeros how many there are in a row. */
async function* blocksOf(entry: TarEntry): AsyncGenerator<Buffer | number> {
  const { size, pieces } = entry
  let block = Buffer.allocUnsafe(VOLUME_BLOCK_BYTES)
  let filled = 0
  let at = 0
  /** Blocks of zeros that were not told of yet. */
  let zeros = 0
  const take = function* (): Generator<Buffer | number> {
    const whole = block.subarray(0, filled)
    at += filled
    if (whole.equals(ZEROS.subarray(0, filled))) zeros++
    else {
      if (zeros > 0) yield zeros
      zeros = 0
      yield whole
      block = Buffer.allocUnsafe(VOLUME_BLOCK_BYTES)
    }
    filled = 0
  }
  const fill = function* (chunk: Buffer): Generator<Buffer | number> {
    for (let taken = 0; taken < chunk.length; ) {
      const part = chunk.subarray(taken, taken + block.length - filled)
      part.copy(block, filled)
      filled += part.length
      taken += part.length
      if (filled === block.length) yield* take()
    }
  }
  const skip = function* (bytes: number): Generator<Buffer | number> {
    let left = bytes
    if (filled > 0) {
      const part = Math.min(left, block.length - filled)
      yield* fill(ZEROS.subarray(0, part))
      left -= part
    }
    const whole = Math.floor(left / VOLUME_BLOCK_BYTES)
    zeros += whole
    at += whole * VOLUME_BLOCK_BYTES
    yield* fill(ZEROS.subarray(0, left - whole * VOLUME_BLOCK_BYTES))
  }
  if (!pieces) for await (const chunk of entry.content()) yield* fill(chunk)
  else {
    const queue = pieces.filter(({ bytes }) => bytes > 0)
    let [piece] = queue
    let left = 0
    for await (const chunk of entry.content())
      for (let taken = 0; taken < chunk.length; ) {
        if (left === 0) {
          piece = queue.shift()
          if (!piece) break
          yield* skip(piece.offset - at - filled)
          left = piece.bytes
        }
        const part = chunk.subarray(taken, taken + left)
        yield* fill(part)
        taken += part.length
        left -= part.length
      }
    yield* skip(size - at - filled)
  }
  if (filled > 0) yield* take()
  if (zeros > 0) yield zeros
}
