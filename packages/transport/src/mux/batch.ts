import type { Duplex } from 'node:stream'
import { Blocks } from '../memory.ts'
import { type ControlFrame, DATA, HEADER_BYTES, MAX_PAYLOAD_BYTES, writeControl, writeHead } from './frame.ts'
import type { ByteQueue } from './queue.ts'

/** Most batches are small. */
const small = new Blocks(8 * 1024, 64)
/** Bytes of one write at most. */
const large = new Blocks(256 * 1024, 8)

/** Frames that go out in one write, put together in a block as they are sent. */
export class Batch {
  private blocks = small
  private block: Buffer | undefined
  private used = 0
  /** Where the last frame's head is, while that is one of data; its stream and its bytes. */
  private head = -1
  private stream = 0
  private length = 0

  get isEmpty(): boolean {
    return this.used === 0
  }

  /** Adds a frame; false where there is no room for it. */
  control(frame: ControlFrame): boolean {
    const block = this.blockFor(MAX_CONTROL_BYTES)
    if (!block) return false
    this.used = writeControl(frame, block, this.used)
    this.head = -1
    return true
  }

  /** Adds as many bytes of a stream, `most` at most, as there is room for, and returns how many. */
  data(stream: number, bytes: Buffer | string, most: number): number {
    let at = 0
    while (at < most) {
      const part = this.extend(stream, most - at)
      if (part === 0) break
      const block = this.block as Buffer
      if (typeof bytes !== 'string') bytes.copy(block, this.used, at, at + part)
      else block.write(part === bytes.length ? bytes : bytes.slice(at, at + part), this.used, 'latin1')
      this.used += part
      at += part
    }
    return at
  }

  /** Moves bytes of a stream, `most` and a frame at most, from where they wait. Returns how many. */
  move(stream: number, queue: ByteQueue, most: number): number {
    const part = this.extend(stream, Math.min(most, MAX_PAYLOAD_BYTES))
    if (part === 0) return 0
    queue.moveTo(this.block as Buffer, this.used, part)
    this.used += part
    return part
  }

  /** Writes what is there, and begins anew. */
  writeTo(duplex: Duplex): void {
    const { blocks, block, used } = this
    this.drop()
    if (block) blocks.write(duplex, block, used)
  }

  /** Forgets what is there. */
  clear(): void {
    const { blocks, block } = this
    this.drop()
    if (block) blocks.giveBack(block)
  }

  private drop(): void {
    this.block = undefined
    this.blocks = small
    this.used = 0
    this.head = -1
  }

  /** Makes room for up to `want` bytes of a stream, in its last frame or a new one. Returns for how many. */
  private extend(stream: number, want: number): number {
    if (this.head >= 0 && this.stream === stream && this.length < MAX_PAYLOAD_BYTES) {
      const most = Math.min(want, MAX_PAYLOAD_BYTES - this.length)
      const block = this.blockFor(most) ?? (this.block as Buffer)
      const part = Math.min(most, block.length - this.used)
      this.length += part
      writeHead(block, this.head, stream, DATA, this.length)
      return part
    }
    const most = Math.min(want, MAX_PAYLOAD_BYTES)
    const block = this.blockFor(HEADER_BYTES + most) ?? (this.block as Buffer)
    const part = Math.min(most, block.length - this.used - HEADER_BYTES)
    if (part <= 0) return 0
    writeHead(block, this.used, stream, DATA, part)
    this.head = this.used
    this.stream = stream
    this.length = part
    this.used += HEADER_BYTES
    return part
  }

  /** The block, a larger one if need be, with room for so many bytes; undefined where there is none. */
  private blockFor(bytes: number): Buffer | undefined {
    const needed = this.used + bytes
    if (!this.block) {
      this.blocks = needed <= small.bytes ? small : large
      this.block = this.blocks.take()
    } else if (needed > this.block.length && this.blocks === small) {
      const larger = large.take()
      this.block.copy(larger, 0, 0, this.used)
      small.giveBack(this.block)
      this.block = larger
      this.blocks = large
    }
    return needed <= this.block.length ? this.block : undefined
  }
}

/** Of a frame other than data. */
const MAX_CONTROL_BYTES = HEADER_BYTES + 4
