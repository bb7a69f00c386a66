import { finished } from 'node:stream/promises'
import { EXEC_CHANNEL, messageOf } from '@cloister/core'
import type { ExecSession } from '@cloister/executors'
import type { WebSocket } from 'ws'

const MAX_WAITING_BYTES = 1024 * 1024
/** How long a reader may take for what is left when the command has ended. */
const LINGER_MS = 600_000

/** Runs a session over a WebSocket; binary messages, the first byte says which channel. Slow readers slow the command down. */
export function serveExec(socket: WebSocket, session: ExecSession): void {
  const send = (channel: number, payload: Buffer, source?: NodeJS.ReadableStream) => {
    if (socket.readyState !== socket.OPEN) return
    socket.send(Buffer.concat([Buffer.of(channel), payload]), () => {
      if (socket.bufferedAmount < MAX_WAITING_BYTES) source?.resume()
    })
    if (socket.bufferedAmount >= MAX_WAITING_BYTES) source?.pause()
  }
  session.stdout.on('data', (chunk: Buffer) => send(EXEC_CHANNEL.stdout, chunk, session.stdout))
  session.stderr.on('data', (chunk: Buffer) => send(EXEC_CHANNEL.stderr, chunk, session.stderr))
  session.stdin.on('error', () => {})
  session.stdin.on('drain', () => socket.resume())
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary || data.length === 0) return socket.close(1003)
    const payload = data.subarray(1)
    if (data[0] === EXEC_CHANNEL.stdin) {
      if (!session.stdin.write(payload)) socket.pause()
    } else if (data[0] === EXEC_CHANNEL.endOfInput) session.stdin.end()
    else if (data[0] === EXEC_CHANNEL.resize && payload.length === 4) session.resize(clamp(payload.readUInt16BE(0)), clamp(payload.readUInt16BE(2)))
  })
  socket.on('error', () => session.kill())
  socket.on('close', () => session.kill())
  // The exit code comes last: what a paused stream still holds is the reader's.
  const drained = [session.stdout, session.stderr].map((stream) => finished(stream, { writable: false }))
  Promise.all([session.exit, ...drained]).then(
    ([code]) => {
      const payload = Buffer.alloc(4)
      payload.writeInt32BE(code)
      send(EXEC_CHANNEL.exit, payload)
      // The reader closes when it has come this far: closing here would cut a slow one off.
      const linger = setTimeout(() => socket.terminate(), LINGER_MS)
      socket.once('close', () => clearTimeout(linger))
    },
    (error) => socket.close(1011, messageOf(error).slice(0, 100)),
  )
}

function clamp(size: number): number {
  return Math.min(Math.max(size, 1), 1_000)
}
