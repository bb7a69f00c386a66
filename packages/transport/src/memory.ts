import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What is smaller is left to the garbage collector: freeing it by hand costs as much. */
const WORTH_BYTES = 4 * 1024

/**
 * Frees the memory of bytes that were read from `duplex` and that nobody looks at any more. V8's collector
 * would find it, too, but it is called for every few megabytes that were read, and goes through everything.
 * What is not a socket may hand on memory of somebody else's, which is left alone.
 */
export function freeRead(duplex: Duplex, chunk: Buffer): void {
  const { buffer } = chunk
  // A part of something larger has neighbours.
  if (chunk.length < WORTH_BYTES || chunk.length !== buffer.byteLength) return
  if (duplex instanceof Socket && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Blocks of one size that are used again and again, so that steady traffic allocates nothing. */
export class Blocks {
  readonly bytes: number
  private readonly most: number
  private readonly spare: Buffer[] = []

  /** `most`: blocks that wait to be used again. */
  constructor(bytes: number, most: number) {
    this.bytes = bytes
    this.most = most
  }

  /** A block with anything in it. */
  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
  }

  /** Gives a block back that nobody reads any more. */
  giveBack(block: Buffer): void {
    if (this.spare.length < this.most) this.spare.push(block)
  }

  /** Writes the first `used` bytes of a block, and gives it back once they are written. */
  write(duplex: Duplex, block: Buffer, used: number): void {
    const bytes = block.subarray(0, used)
    if (!(duplex instanceof Socket)) {
      // Others than sockets may hand on the bytes themselves, and not a copy.
      duplex.write(Buffer.from(bytes))
      return this.giveBack(block)
    }
    duplex.write(bytes, (error) => {
      if (!error) this.giveBack(block)
    })
  }
}
