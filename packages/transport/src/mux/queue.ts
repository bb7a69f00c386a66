import { Blocks } from '../memory.ts'

/** Bytes of a block for few bytes, and what is put into blocks that are used again. */
const SMALL_BYTES = 4 * 1024
const blocks = new Blocks(32 * 1024, 64)

/**
 * Bytes that wait, first in, first out. All are copied, so that nothing of what was read, or of what is
 * somebody else's, stays in memory for them; many small pieces cost no more than their bytes.
 */
export class ByteQueue {
  private readonly blocks: Buffer[] = []
  /** Bytes of the first block that were taken, and bytes in use of the last one. */
  private start = 0
  private end = 0
  length = 0

  /** Adds bytes from a place on; strings are latin1. */
  add(bytes: Buffer | string, from = 0): void {
    let at = from
    this.length += bytes.length - from
    while (at < bytes.length) {
      let last = this.blocks.at(-1)
      if (!last || this.end === last.length) {
        last = bytes.length - at < SMALL_BYTES ? Buffer.allocUnsafeSlow(SMALL_BYTES) : blocks.take()
        this.blocks.push(last)
        this.end = 0
        if (this.blocks.length === 1) this.start = 0
      }
      const most = Math.min(bytes.length - at, last.length - this.end)
      if (typeof bytes === 'string') last.write(bytes.slice(at, at + most), this.end, 'latin1')
      else bytes.copy(last, this.end, at, at + most)
      this.end += most
      at += most
    }
  }

  /** Has `sink` read the oldest block, whose bytes are there no longer than that. There has to be one. */
  shift(sink: (piece: Buffer) => void): void {
    const block = this.blocks.shift() as Buffer
    const piece = block.subarray(this.start, this.blocks.length === 0 ? this.end : block.length)
    this.start = 0
    this.length -= piece.length
    sink(piece)
    release(block)
  }

  /** Moves the oldest `count` bytes to a place in `target`. There have to be as many. */
  moveTo(target: Buffer, at: number, count: number): void {
    let left = count
    while (left > 0) {
      const block = this.blocks[0] as Buffer
      const end = this.blocks.length === 1 ? this.end : block.length
      const part = Math.min(left, end - this.start)
      block.copy(target, at + count - left, this.start, this.start + part)
      left -= part
      this.start += part
      if (this.start < end) continue
      this.blocks.shift()
      this.start = 0
      release(block)
    }
    this.length -= count
  }

  clear(): void {
    for (const block of this.blocks.splice(0)) release(block)
    this.start = 0
    this.length = 0
  }
}

function release(block: Buffer): void {
  if (block.length === blocks.bytes) blocks.giveBack(block)
}
