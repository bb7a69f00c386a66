import type { Incoming } from './framing.ts'

const LINGER_BYTES = 4 * 1024 * 1024
const LINGER_MS = 2_000
const lingering = new WeakSet<Incoming>()

/**
 * Reads on, for a moment, what a client still sends although it has its answer: closing at once would throw
 * away an answer that it has not read yet. A connection that goes on sending is closed; one whose request
 * ends can be used again.
 */
export function linger(incoming: Incoming): void {
  if (incoming.complete || incoming.destroyed || lingering.has(incoming)) return
  lingering.add(incoming)
  if ('stream' in incoming) {
    // The stream alone is given up, and the client told that nothing was wrong with it (RFC 9113, section
    // 8.1).
    incoming.stream.close(0)
    return
  }
  let left = LINGER_BYTES
  const end = () => incoming.socket.destroy()
  const timer = setTimeout(end, LINGER_MS)
  incoming.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  incoming.once('close', () => clearTimeout(timer))
  incoming.once('end', () => clearTimeout(timer))
  incoming.resume()
}
