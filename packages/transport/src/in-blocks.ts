import type { IncomingMessage } from 'node:http'
import { Blocks, freeRead } from './memory.ts'

/** Bytes of a block. */
const BLOCK_BYTES = 1024 * 1024
/** Blocks that wait to be used again. */
const SPARE = 8

const blocks = new Blocks(BLOCK_BYTES, SPARE)

/**
 * A request's body in blocks of 1 MiB; the last one has what is left, also of a body that breaks off, which
 * is thrown after that. One block fills while another is read. A block holds until the next one is asked
 * for: its memory is used again. What came is copied and freed at once, so that a large body leaves nothing
 * to the garbage collector.
 */
export async function* inBlocks(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  const full: { block: Buffer; used: number }[] = []
  let filling = blocks.take()
  let used = 0
  let ended = false
  let failure: Error | undefined
  let wake = () => {}
  const pass = () => {
    full.push({ block: filling, used })
    filling = blocks.take()
    used = 0
  }
  const onData = (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(filling, used, at)
      used += copied
      at += copied
      if (used === BLOCK_BYTES) pass()
    }
    freeRead(incoming.socket, chunk)
    if (full.length === 0) return
    incoming.pause()
    wake()
  }
  const onEnd = () => {
    ended = true
    wake()
  }
  const onClose = () => {
    if (!ended) failure ??= new Error('the body broke off')
    wake()
  }
  const onError = (error: Error) => {
    failure = error
    wake()
  }
  // The last listener stays: without one, an error that comes later would end the process.
  incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onError)
  if (incoming.destroyed && !incoming.readableEnded) onClose()
  try {
    for (;;) {
      const next = full.shift()
      if (next) {
        // The other block fills meanwhile.
        if (full.length === 0) incoming.resume()
        yield next.block.subarray(0, next.used)
        blocks.giveBack(next.block)
      } else if (ended || failure) {
        if (used > 0) yield filling.subarray(0, used)
        if (failure) throw failure
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    blocks.giveBack(filling)
    for (const { block } of full) blocks.giveBack(block)
    incoming.off('data', onData).off('end', onEnd).off('close', onClose)
  }
}
