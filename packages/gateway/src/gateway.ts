import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { IndexClient } from '@cloister/client'
import { Readiness } from '@cloister/operations'
import {
  type AddressLimitSettings,
  AddressLimits,
  answerOn,
  directFront,
  type Incoming,
  type Outgoing,
  type RequestHead,
  SERVER_OPTIONS,
  serve,
  serveRequests,
  takeReader,
  type Way,
} from '@cloister/transport'
import { Door, REPLACED, show } from './door.ts'
import { openFront } from './front.ts'
import { Hosts, readHost, type Wanted } from './host.ts'
import { LoopbackPorts } from './loopback.ts'
import { type GatewayObserver, UNOBSERVED } from './observer.ts'
import { EVERY_PAGE, PAGES } from './pages.ts'
import { gatewayReasons } from './ready.ts'
import { Resolver } from './resolve.ts'
import { routesOf } from './routes.ts'
import { WorkerDoor } from './worker-door.ts'

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
  /**
   * Development: workers may be on private addresses, and routes get ports on 127.0.0.1 kept in this file.
   */
  development?: { portsFile: string }
  maxBodyBytes?: number
  /** Milliseconds of silence after which a client, or a worker before its answer, is given up. */
  silenceMs?: number
  /** What one address may ask for; in development nearly anything, else what `PUBLIC_LIMITS` says. */
  addressLimits?: Partial<AddressLimitSettings>
  /** Is told what the gateway does. */
  observer?: GatewayObserver
  /** Milliseconds that requests under way may take to end when it stops; 0 if not given. */
  drainMs?: number
}

/** A gateway that was started. */
export interface RunningGateway {
  port: number
  url: string
  readiness: Readiness
  stop: () => Promise<void>
}

const MAX_BODY_BYTES = 256 * 1024 * 1024
const SILENCE_MS = 60_000
const INDEX_MS = 5_000
const JSON_UNSTORED = { 'content-type': 'application/json', 'cache-control': 'no-store' }
/** What one address may ask of a gateway. */
const PUBLIC_LIMITS: AddressLimitSettings = {
  requestsPerSecond: 100,
  burst: 500,
  connectionsPerAddress: 200,
  connections: 20_000,
}
const DEVELOPMENT_LIMITS: AddressLimitSettings = {
  requestsPerSecond: Number.POSITIVE_INFINITY,
  burst: 1,
  connectionsPerAddress: 10_000,
  connections: 20_000,
}

/** Opens the public door. HTTP/1.1, HTTP/2 and WebSocket. Throws `port-taken`. */
export async function startGateway(settings: GatewaySettings): Promise<RunningGateway> {
  const { domain, host, tls, development, silenceMs = SILENCE_MS, observer = UNOBSERVED } = settings
  const readiness = new Readiness(gatewayReasons(settings.indexerUrl, tls?.cert))
  const index = new IndexClient(settings.indexerUrl, { answerMs: INDEX_MS })
  const resolver = new Resolver((key) => index.findLease(key))
  const silence = { clientMs: silenceMs, sendMs: silenceMs, answerMs: silenceMs }
  const door = new Door(
    resolver,
    { maxBodyBytes: settings.maxBodyBytes ?? MAX_BODY_BYTES, silence },
    development !== undefined,
    observer,
  )
  const workers = new WorkerDoor(new Resolver((key) => index.findWorker(key)), door.agent, silence)
  const limits = new AddressLimits({
    ...(development ? DEVELOPMENT_LIMITS : PUBLIC_LIMITS),
    ...settings.addressLimits,
  })
  const secure = tls !== undefined
  const hosts = new Hosts(domain)
  let bound = 0
  const urlOf = (label: string) =>
    `${secure ? 'https' : 'http'}://${label}.${domain}${bound === (secure ? 443 : 80) ? '' : `:${bound}`}`
  const loopback =
    development &&
    new LoopbackPorts(development.portsFile, (wanted) => {
      const server = createServer(SERVER_OPTIONS)
      serveRequests(server, (request, response) => lead(wanted, request, response))
      const careful = takeReader(server, 'connection')
      const find = (head: RequestHead, client: Duplex) => door.way(wanted, secure, head, addressOf(client))
      server.on('connection', directFront(server, { ...direct, find, careful }))
      return server.on('upgrade', upgradeTo(wanted))
    })

  const direct = {
    dial: (target: string) => door.stream(target),
    replaced: REPLACED,
    removed: new Set<string>(),
    tellsKeepAlive: true,
  }
  /** The way of a request of the common shape; undefined for what `handle` answers. */
  function find(head: RequestHead, client: Duplex): Way | undefined | Promise<Way | undefined> {
    const wanted = hosts.read(head.host)
    if (wanted === undefined || wanted === 'home') return undefined
    const address = addressOf(client)
    if (limits.take(address) > 0) return undefined
    const counted = (way: Way | undefined) => {
      // `handle` takes it again.
      if (!way) limits.giveBack(address)
      return way
    }
    const way = door.way(wanted, secure, head, address)
    return way instanceof Promise ? way.then(counted) : counted(way)
  }

  /**
   * Answers with a page where anything goes wrong that nobody thought of: one request must not end the
   * others.
   */
  function guarded(work: Promise<void>, request: Incoming, response: Outgoing) {
    work.catch(() => show(PAGES.unreachable, request, response))
  }

  function lead(wanted: Wanted, request: Incoming, response: Outgoing) {
    guarded(door.request(wanted, secure, request, response), request, response)
  }

  function upgradeTo(wanted: Wanted) {
    return (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      door.upgrade(wanted, secure, request, socket, head).catch(() => socket.destroy())
    }
  }

  const handle = (request: Incoming, response: Outgoing) => {
    const ended = observer.request()
    response.once('close', () => ended(statusOf(response)))
    const wait = limits.take(request.socket.remoteAddress)
    if (wait > 0) return show({ ...PAGES.many, retryAfter: wait }, request, response)
    const authority = request.headers[':authority'] ?? request.headers.host
    const wanted = readHost(typeof authority === 'string' ? authority : undefined, domain)
    if (wanted === undefined) return show(PAGES.foreign, request, response)
    if (wanted === 'home') guarded(home(request, response), request, response)
    else lead(wanted, request, response)
  }

  /** What is at the domain itself: the gateway's health, addresses of a lease, a way to workers. */
  const home = async (request: Incoming, response: Outgoing) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const plain = response as ServerResponse
    if (path === '/health') return void plain.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    if (path === '/ready') {
      const report = await readiness.report()
      return void plain.writeHead(report.ready ? 200 : 503, JSON_UNSTORED).end(`${JSON.stringify(report)}\n`)
    }
    const worker = workers.workerIn(path)
    if (worker !== undefined) return workers.request(worker, request, response)
    const key = /^\/v1\/routes\/(0x[0-9a-f]{64}|[a-z0-9-]{1,32})$/.exec(path)?.[1]
    if (key === undefined) return show(path === '/' ? PAGES.home : PAGES.unknown, request, response)
    const lease = await resolver.find(key)
    if (lease?.state !== 'open') return show(lease ? PAGES.closed : PAGES.unknown, request, response)
    const routes = await routesOf(lease, { agent: door.agent, loopback, urlOf })
    plain.writeHead(200, { ...JSON_UNSTORED, ...EVERY_PAGE }).end(JSON.stringify(routes))
  }

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const wait = limits.take(request.socket.remoteAddress)
    if (wait > 0) return show({ ...PAGES.many, retryAfter: wait }, request, answerOn(request, socket))
    const wanted = readHost(request.headers.host, domain)
    if (wanted === undefined || wanted === 'home')
      return show(PAGES.unknown, request, answerOn(request, socket))
    socket.once('close', observer.upgrade())
    upgradeTo(wanted)(request, socket, head)
  }

  const server = openFront({
    tls,
    limits,
    handle,
    upgrade,
    direct: { ...direct, find, begun: () => observer.request() },
  })
  const served = await serve('The gateway', server, { host, port: settings.port })
  bound = served.port
  // A lease that can't be looked up now keeps its port.
  await loopback?.restore(
    async ({ key }) => (await resolver.find(key).catch(() => ({ state: 'open' })))?.state === 'open',
  )
  return {
    port: bound,
    url: `${secure ? 'https' : 'http'}://${domain}${`:${bound}`}`,
    readiness,
    stop: async () => {
      readiness.stop()
      loopback?.close()
      await served.drain(settings.drainMs ?? 0)
      door.close()
    },
  }
}

function addressOf(client: Duplex): string | undefined {
  return (client as Socket).remoteAddress
}

/** The status of an answer that has ended; 0 where none was begun. */
function statusOf(response: Outgoing): number {
  if (!response.headersSent) return 0
  return 'stream' in response ? Number(response.stream?.sentHeaders?.[':status'] ?? 0) : response.statusCode
}
