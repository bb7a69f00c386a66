/** Bytes of a block that small pieces are gathered in. */
const BLOCK_BYTES = 4 * 1024

/**
 * Bytes that have come and that nobody has taken yet. Small pieces are copied into blocks: a piece that
 * stayed a part of what was read would hold all of it in memory, and many small ones would cost more than
 * they are.
 */
export class Inbox {
  private readonly blocks: Buffer[] = []
  /** Bytes in use of the last block. */
  private used = 0
  length = 0

  add(piece: Buffer): void {
    this.length += piece.length
    // It is most of what it would hold in memory.
    if (piece.length >= BLOCK_BYTES && piece.length * 2 > piece.buffer.byteLength) {
      this.close()
      this.used = piece.length
      this.blocks.push(piece)
      return
    }
    let at = 0
    const last = this.blocks.at(-1)
    if (last && this.used < last.length) {
      at = piece.copy(last, this.used)
      this.used += at
    }
    if (at === piece.length) return
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, piece.length - at))
    this.used = piece.copy(block, 0, at)
    this.blocks.push(block)
  }

  /** Nothing is added to the last block any more. */
  private close(): void {
    const last = this.blocks.pop()
    if (last) this.blocks.push(last.subarray(0, this.used))
  }

  /** Takes the oldest block out; undefined where there is none. */
  take(): Buffer | undefined {
    const block = this.blocks.shift()
    if (!block) return undefined
    const piece = this.blocks.length > 0 ? block : block.subarray(0, this.used)
    this.length -= piece.length
    return piece
  }

  clear(): void {
    this.blocks.length = 0
    this.length = 0
  }
}
