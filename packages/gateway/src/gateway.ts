import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { Door, show } from './door.ts'
import { readHost, type Wanted } from './host.ts'
import { LoopbackPorts } from './loopback.ts'
import { PAGES } from './pages.ts'
import { Resolver } from './resolve.ts'
import { routesOf } from './routes.ts'

/** What a gateway is started with. */
export interface GatewaySettings {
  /** Leases are at `<lease>-<service>.<domain>`. */
  domain: string
  host: string
  /** 0 for any free one. */
  port: number
  indexerUrl: string
  /** PEM; without it the gateway speaks plain HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer }
  /** Development: workers may be on private addresses, and routes get ports on 127.0.0.1 kept in this file. */
  development?: { portsFile: string }
  maxBodyBytes?: number
  answerMs?: number
}

const MAX_HEADER_BYTES = 32 * 1024
const MAX_BODY_BYTES = 256 * 1024 * 1024
const ANSWER_MS = 60_000

/** Opens the public door. HTTP/1.1 and WebSocket always, HTTP/2 with TLS. Throws `port-taken`. */
export async function startGateway(settings: GatewaySettings): Promise<{ port: number; url: string; stop: () => Promise<void> }> {
  const { domain, host, tls, development } = settings
  const resolver = new Resolver(settings.indexerUrl)
  const door = new Door(
    resolver,
    { maxBodyBytes: settings.maxBodyBytes ?? MAX_BODY_BYTES, answerMs: settings.answerMs ?? ANSWER_MS },
    development !== undefined,
  )
  const secure = tls !== undefined
  let bound = 0
  const urlOf = (label: string) => `${secure ? 'https' : 'http'}://${label}.${domain}${bound === (secure ? 443 : 80) ? '' : `:${bound}`}`
  const loopback =
    development &&
    new LoopbackPorts(development.portsFile, (wanted) =>
      plainServer((request, response) => void door.request(wanted, false, request, response), upgradeTo(wanted)),
    )

  function upgradeTo(wanted: Wanted) {
    return (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      void door.upgrade(wanted, secure, request, socket, head)
    }
  }

  const handle = (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
    const authority = request.headers[':authority'] ?? request.headers.host
    const wanted = readHost(typeof authority === 'string' ? authority : undefined, domain)
    if (wanted === undefined) return show(PAGES.foreign, request, response)
    if (wanted !== 'home') return void door.request(wanted, secure, request, response)
    home(request, response).catch(() => show(PAGES.unreachable, request, response))
  }

  /** What the gateway says of itself, at the domain: its health and the addresses of a lease. */
  const home = async (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const plain = response as ServerResponse
    if (path === '/health') return void plain.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    const key = /^\/v1\/routes\/(0x[0-9a-f]{64}|[a-z0-9-]{1,32})$/.exec(path)?.[1]
    if (key === undefined) return show(path === '/' ? PAGES.home : PAGES.unknown, request, response)
    const lease = await resolver.find(key)
    if (lease?.state !== 'open') return show(lease ? PAGES.closed : PAGES.unknown, request, response)
    const routes = await routesOf(lease, { agent: door.agent, loopback, urlOf })
    plain.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(routes))
  }

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const wanted = readHost(request.headers.host, domain)
    if (wanted === undefined || wanted === 'home') return void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    upgradeTo(wanted)(request, socket, head)
  }

  const server = tls
    ? createSecureServer(
        {
          ...tls,
          allowHTTP1: true,
          maxHeaderSize: MAX_HEADER_BYTES,
          settings: { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams: 128 },
        } as Parameters<typeof createSecureServer>[0],
        handle,
      ).on('upgrade', upgrade)
    : plainServer(handle, upgrade)
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(settings.port, host, () => resolve())).catch((cause) => {
    throw new CloisterError('port-taken', `The gateway can not listen on ${host}:${settings.port}.`, { cause })
  })
  bound = (server.address() as AddressInfo).port
  // A lease that can't be looked up now keeps its port.
  await loopback?.restore(async ({ key }) => (await resolver.find(key).catch(() => ({ state: 'open' })))?.state === 'open')
  return {
    port: bound,
    url: `${secure ? 'https' : 'http'}://${domain}${`:${bound}`}`,
    stop: async () => {
      loopback?.close()
      door.close()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function plainServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Server {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, noDelay: true }, handle)
  server.requestTimeout = 0
  server.headersTimeout = 15_000
  return server.on('upgrade', upgrade)
}
