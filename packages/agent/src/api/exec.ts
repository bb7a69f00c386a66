import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, EXEC_CHANNEL, messageOf } from '@cloister/core'
import type { ExecSession } from '@cloister/executors'
import type { WebSocket, WebSocketServer } from 'ws'

const RESIZE_PAUSE_MS = 50
const MAX_WAITING_BYTES = 1024 * 1024
/** How long a reader may take for what is left when the command has ended. */
const LINGER_MS = 600_000

/** A request to speak WebSocket, as a server's `upgrade` event has it. */
export interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}

/** Throws `bad-request` unless the client's part of the handshake is whole (RFC 6455, section 4.2.1). */
export function checkHandshake({ method, headers }: IncomingMessage): void {
  const isWhole =
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  if (!isWhole) throw new CloisterError('bad-request', 'The handshake of WebSocket (version 13) is needed.')
}

/**
 * Serves a session to whoever asked for the upgrade. It ends where that one has hung up, or the handshake
 * comes to nothing.
 */
export function upgradeToExec(
  sockets: WebSocketServer,
  { request, socket, head }: Upgrade,
  session: ExecSession,
): void {
  if (socket.destroyed) return session.kill()
  const hungUp = () => session.kill()
  socket.once('close', hungUp)
  sockets.handleUpgrade(request, socket, head, (client) => {
    socket.off('close', hungUp)
    serveExec(client, session)
  })
}

/**
 * Runs a session over a WebSocket; binary messages, the first byte says which channel. Slow readers slow the
 * command down.
 */
function serveExec(socket: WebSocket, session: ExecSession): void {
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
  const resize = resizing(session)
  session.stdin.on('drain', () => socket.resume())
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary || data.length === 0) return socket.close(1003)
    const payload = data.subarray(1)
    if (data[0] === EXEC_CHANNEL.stdin) {
      if (!session.stdin.write(payload)) socket.pause()
    } else if (data[0] === EXEC_CHANNEL.endOfInput) session.stdin.end()
    else if (data[0] === EXEC_CHANNEL.resize && payload.length === 4)
      resize(payload.readUInt16BE(0), payload.readUInt16BE(2))
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

/**
 * Takes sizes as they come and gives the session the last one, one at a time, with pauses: each costs a
 * program or a request on this machine, and a client sends as many as it likes.
 */
function resizing(session: ExecSession): (columns: number, rows: number) => void {
  let wanted: [columns: number, rows: number] | undefined
  let isBusy = false
  let isOver = false
  session.exit.finally(() => (isOver = true)).catch(() => {})
  const work = async () => {
    isBusy = true
    while (wanted && !isOver) {
      const [columns, rows] = wanted
      wanted = undefined
      await session.resize(clamp(columns), clamp(rows))
      await delay(RESIZE_PAUSE_MS, undefined, { ref: false })
    }
    isBusy = false
  }
  return (columns, rows) => {
    wanted = [columns, rows]
    if (!isBusy) void work()
  }
}

function clamp(size: number): number {
  return Math.min(Math.max(size, 1), 1_000)
}
