/** Bytes of a block, and how many wait to be used again. */
const BLOCK_BYTES = 160 * 1024
const MAX_SPARE = 8

/** Blocks whose write is over, kept for the next one, so that steady traffic allocates nothing. */
const spare: Buffer[] = []

/** A block to write from. */
export function takeBlock(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
}

/** Gives a block back whose bytes nobody reads any more. */
export function giveBlock(block: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(block)
}
