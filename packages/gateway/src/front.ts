import { createServer as createPlainServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  type AddressLimits,
  type DirectFrontParts,
  directFront,
  type Incoming,
  MAX_HEADER_BYTES,
  type Outgoing,
  SERVER_OPTIONS,
  serveRequests,
  takeReader,
} from '@cloister/transport'

/** Milliseconds that a connection may take until its first byte, and one of HTTP/2 may have no request. */
const IDLE_MS = 60_000
/** How a client begins that speaks HTTP/2 without having been asked (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n')

/** What a front hands on. */
export interface FrontParts {
  /** PEM; plain without it. */
  tls: { key: string | Buffer; cert: string | Buffer } | undefined
  limits: AddressLimits
  handle(request: Incoming, response: Outgoing): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** The way of requests that are of the common shape. */
  direct: Omit<DirectFrontParts, 'careful'>
}

/**
 * A server that speaks HTTP/1.1 and HTTP/2: over TLS as client and server agree (ALPN), else by how a client
 * begins. Its `close` ends sessions of HTTP/2 with it.
 */
export function openFront({ tls, limits, handle, upgrade, direct }: FrontParts): Server {
  const server = tls
    ? createTlsServer({ ...SERVER_OPTIONS, ...tls, ALPNProtocols: ['h2', 'http/1.1'] })
    : createPlainServer(SERVER_OPTIONS)
  const http2 = http2Server(handle, server)
  serveRequests(server, handle)
  server.on('upgrade', upgrade)
  limits.guard(server)

  const event = tls ? 'secureConnection' : 'connection'
  const readHttp1 = takeReader(server, event)
  const readDirect = directFront(server, { ...direct, careful: tls ? readHttp1 : byPreface })
  const byProtocol = (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.emit('connection', socket)
    else readDirect(socket)
  }
  function byPreface(connection: Duplex) {
    const socket = connection as Socket
    if (socket.destroyed) return
    const end = () => socket.destroy()
    socket.setTimeout(IDLE_MS, end)
    socket.once('error', end)
    socket.once('readable', () => {
      socket.off('timeout', end)
      socket.setTimeout(0)
      socket.off('error', end)
      const first = socket.read() as Buffer | null
      if (first) socket.unshift(first)
      if (first && PREFACE.equals(first.subarray(0, PREFACE.length))) http2.emit('connection', socket)
      else readHttp1(socket)
    })
  }
  server.on(event, tls ? byProtocol : readDirect)
  return server
}

/** `front` tells when it drains, and of each stream it is told. */
function http2Server(handle: (request: Incoming, response: Outgoing) => void, front: Server): Http2Server {
  const server = createHttp2Server({
    settings: { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams: 128 },
    // Bytes a session may keep in memory, in MB.
    maxSessionMemory: 4,
  })
  serveRequests(server, handle)
  // What a client does to its session is no failure of ours; the session is over, and its streams are told.
  server.on('sessionError', () => {})
  front.setMaxListeners(0)
  server.on('session', (session) => {
    let streams = 0
    const drain = () => session.close()
    front.once('draining', drain)
    session.once('close', () => front.off('draining', drain))
    session.on('stream', (stream) => {
      streams++
      front.emit('stream', stream)
      stream.on('error', () => {})
      stream.once('close', () => streams--)
    })
    const idle = () => {
      if (streams === 0) session.close()
      else session.setTimeout(IDLE_MS)
    }
    session.setTimeout(IDLE_MS, idle)
  })
  return server
}
