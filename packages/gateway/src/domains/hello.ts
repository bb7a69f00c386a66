import type { Socket } from 'node:net'
import { MAX_HELLO_BYTES, readClientHello } from '@cloister/transport'

/** Milliseconds that a client has to say which host it wants. */
const HELLO_MS = 10_000
/** Pieces that a hello may come in: each is looked at anew. */
const MOST_PIECES = 512
/** An alert, TLS 1.2 record: fatal, unrecognized_name (RFC 6066, section 3) or decode_error (RFC 8446, 6). */
const ALERTS = { unknown: 112, bad: 50 } as const

/**
 * Reads a connection's ClientHello, and hands it on with the name in it, everything that was read put back.
 * One that sends something else, too much or nothing in time is ended.
 */
export function readHello(socket: Socket, told: (name: string | undefined) => void): void {
  let held: Buffer = Buffer.alloc(0)
  let pieces = 0
  const fail = () => socket.destroy()
  const timer = setTimeout(fail, HELLO_MS)
  const done = () => {
    clearTimeout(timer)
    socket.off('readable', read).off('error', fail).off('end', fail).off('close', done)
  }
  const read = () => {
    const piece = socket.read() as Buffer | null
    if (!piece) return
    held = held.length === 0 ? piece : Buffer.concat([held, piece])
    const hello = readClientHello(held.subarray(0, MAX_HELLO_BYTES))
    if (hello.state === 'more' && ++pieces < MOST_PIECES) return
    done()
    if (hello.state !== 'whole') return alert(socket, 'bad')
    socket.unshift(held)
    told(hello.name)
  }
  socket.on('readable', read).on('error', fail).on('end', fail).on('close', done)
}

/** Ends a connection with an alert that tells a client why. */
export function alert(socket: Socket, why: keyof typeof ALERTS): void {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(1_000, () => socket.destroy())
  socket.resume()
  socket.end(Buffer.from([21, 3, 3, 0, 2, 2, ALERTS[why]]))
}
