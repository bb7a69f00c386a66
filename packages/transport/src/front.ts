import { createServer as createPlainServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { AddressLimits } from './address-limits.ts'
import { type Announcers, comesFrom } from './announced.ts'
import { type DirectFrontParts, directFront } from './direct/front.ts'
import { type Incoming, MAX_HEADER_BYTES } from './framing.ts'
import type { Outgoing } from './reply.ts'
import { SERVER_OPTIONS, serveRequests, takeReader } from './server.ts'

/** Milliseconds that a connection may take until its first byte, and one of HTTP/2 may have no request. */
const IDLE_MS = 60_000
/** How a client begins that speaks HTTP/2 without having been asked (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n')

/** What a front hands on. */
export interface FrontParts {
  /**
   * PEM; plain without it. `ended`: connections come when their TLS has been ended, by `secureConnection`
   * events, and the server itself doesn't listen.
   */
  tls: { key: string | Buffer; cert: string | Buffer } | 'ended' | undefined
  /** Counts connections, where they aren't counted before. */
  limits?: AddressLimits | undefined
  handle(request: Incoming, response: Outgoing): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** The way of requests that are of the common shape. */
  direct: Omit<DirectFrontParts, 'careful'>
  /** Reads whose connection one is, where others may say so. */
  announcers?: Announcers | undefined
  /** Looks at a connection that has just come, and calls `take` for one that is the front's. */
  look?: ((connection: Socket, take: () => void) => void) | undefined
}

/**
 * A server that speaks HTTP/1.1 and HTTP/2: over TLS as client and server agree (ALPN), else by how a client
 * begins. Its `close` ends sessions of HTTP/2 with it.
 */
export function openFront({ tls, limits, handle, upgrade, direct, announcers, look }: FrontParts): Server {
  const server =
    typeof tls === 'object'
      ? createTlsServer({ ...SERVER_OPTIONS, ...tls, ALPNProtocols: ['h2', 'http/1.1'] })
      : createPlainServer(SERVER_OPTIONS)
  const http2 = http2Server(handle, server)
  serveRequests(server, handle)
  server.on('upgrade', upgrade)

  const isSecure = tls !== undefined
  const readHttp1 = takeReader(server, typeof tls === 'object' ? 'secureConnection' : 'connection')
  const readDirect = directFront(server, { ...direct, careful: isSecure ? readHttp1 : byPreface })
  function byProtocol(socket: TLSSocket) {
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
  const clients = new Clients()
  if (isSecure)
    server.on('secureConnection', (socket) => {
      clients.tell(socket)
      byProtocol(socket)
    })
  if (tls === 'ended') {
    // Node's own watch over heads that don't come to an end begins with it.
    server.emit('listening')
    return server
  }
  const begin = tls ? takeReader(server, 'connection') : readDirect
  server.on('connection', (socket) =>
    receive(socket, { announcers, limits }, () => {
      if (tls) clients.remember(socket)
      const take = () => begin(socket)
      if (look) look(socket, take)
      else take()
    }),
  )
  return server
}

/** Has a connection's client told, where others may tell it, and counts it under that address. */
export function receive(
  socket: Socket,
  { announcers, limits }: Pick<FrontParts, 'announcers' | 'limits'>,
  next: () => void,
): void {
  const admitted = () => {
    if (!socket.destroyed && (limits?.admit(socket) ?? true)) next()
  }
  if (announcers) announcers.read(socket, admitted)
  else admitted()
}

/**
 * Whose connections are under those of TLS, where somebody else has said so. Node has TLS tell the address of
 * what is connected, by which the connection under it is known while it lasts.
 */
class Clients {
  private readonly byPeer = new Map<string, { address: string; port: number }>()

  remember(socket: Socket): void {
    if (!Object.hasOwn(socket, 'remoteAddress')) return
    const { remoteAddress: address = '', remotePort: port = 0 } = socket
    const peer = peerOf(socket)
    this.byPeer.set(peer, { address, port })
    socket.once('close', () => this.byPeer.delete(peer))
  }

  tell(socket: TLSSocket): void {
    if (this.byPeer.size === 0) return
    const client = this.byPeer.get(peerOf(socket))
    if (client) comesFrom(socket, client.address, client.port)
  }
}

/** The address and port that a connection is really from. */
function peerOf(socket: Socket): string {
  const told = (name: 'remoteAddress' | 'remotePort') =>
    Object.getOwnPropertyDescriptor(Socket.prototype, name)?.get?.call(socket)
  return `${told('remoteAddress')} ${told('remotePort')}`
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
