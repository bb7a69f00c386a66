import { createServer, type Server } from 'node:net'
import { everyPage, IndexClient } from '@cloister/client'
import type { LeaseRecord } from '@cloister/core'
import { Readiness } from '@cloister/operations'
import {
  type AddressLimitSettings,
  type AddressLimits,
  Announcers,
  type FrontParts,
  NameServers,
  openFront,
  receiveConnection,
  serve,
} from '@cloister/transport'
import { Claims } from './domains/claims.ts'
import { DomainFinder } from './domains/finder.ts'
import { Passing } from './domains/passing.ts'
import { PlainDoor } from './domains/plain-door.ts'
import { Shares } from './domains/shares.ts'
import { Door } from './door.ts'
import { Groups } from './groups/groups.ts'
import { Home } from './home.ts'
import { readHost } from './host.ts'
import { CarefulInference } from './inference/careful.ts'
import type { Endpoint } from './inference/endpoint.ts'
import { InferenceDoor } from './inference/inference.ts'
import { keptReceipts } from './inference/kept-receipts.ts'
import { type KeyLimits, Keys, UNLIMITED_KEYS, USUAL_KEY_LIMITS } from './inference/keys.ts'
import { type Currency, Offers } from './inference/offers.ts'
import type { InferenceTracer } from './inference/tracer.ts'
import { gatewayLimits } from './limits.ts'
import { LoopbackPorts } from './loopback.ts'
import { type GatewayObserver, UNOBSERVED } from './observer.ts'
import { gatewayReasons } from './ready.ts'
import { Reception } from './reception.ts'
import { Resolver } from './resolve.ts'
import { routeServer } from './route-server.ts'
import { isReady } from './routes.ts'
import { ScrapeDoor } from './scrape-door.ts'
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
  /** What one address may ask for; in development nearly anything, else what `limits.ts` says. */
  addressLimits?: Partial<AddressLimitSettings>
  /** Is told what the gateway does. */
  observer?: GatewayObserver
  /** Traces requests of its door to models. */
  tracer?: InferenceTracer
  /** Milliseconds that requests under way may take to end when it stops; 0 if not given. */
  drainMs?: number
  /** What its door to models goes by. */
  inference?: InferenceSettings
  /** Tenants' own domains; without it, they are nobody's. */
  domains?: DomainSettings
  /** Load balancers that say whose connections are (PROXY protocol): addresses and networks. */
  announcers?: readonly string[]
}

/** What a gateway's door to models goes by. */
interface InferenceSettings {
  /** Tokens that prices are in. */
  currencies?: readonly Currency[]
  /** Digests of the doors that endpoints may run; any where it isn't given. */
  images?: readonly string[] | undefined
  /** What one API key may ask for; see `USUAL_KEY_LIMITS`. */
  keyLimits?: Partial<KeyLimits>
}

/**
 * How a gateway serves tenants' domains. Over TLS they come to its own port, or, if it is plain, to
 * `tlsPort`.
 */
export interface DomainSettings {
  /** Name servers to ask, in place of the system's. */
  nameServers?: readonly string[] | undefined
  /** Where a gateway with TLS takes plain HTTP: for challenges, and to lead to https. 0 for any free port. */
  httpPort?: number | undefined
  /** Where a gateway without TLS takes that of domains. 0 for any free port. */
  tlsPort?: number | undefined
}

/** A gateway that was started. */
export interface RunningGateway {
  port: number
  /** Of `DomainSettings`, where they are open. */
  httpPort?: number | undefined
  tlsPort?: number | undefined
  url: string
  readiness: Readiness
  /** The endpoints that its door to models knows, and how they are doing. */
  endpoints: () => Iterable<Endpoint>
  stop: () => Promise<void>
}

const MAX_BODY_BYTES = 256 * 1024 * 1024
const SILENCE_MS = 60_000
const INDEX_MS = 5_000

/** Opens the public door. HTTP/1.1, HTTP/2 and WebSocket. Throws `port-taken`. */
export async function startGateway(settings: GatewaySettings): Promise<RunningGateway> {
  const { domain, host, tls, development, silenceMs = SILENCE_MS, observer = UNOBSERVED } = settings
  const secure = tls !== undefined
  const isDevelopment = development !== undefined
  const silence = { clientMs: silenceMs, sendMs: silenceMs, answerMs: silenceMs }
  const limits = gatewayLimits(isDevelopment, settings.addressLimits)
  const index = new IndexClient(settings.indexerUrl, { answerMs: INDEX_MS })
  const leases = new Resolver((key) => index.findLease(key))
  const members = new Resolver(async (key) => {
    const [tenant = '', wishedName = ''] = key.split('/')
    return (await index.leases({ tenant, wishedName, open: true, limit: 200 })).items
  })
  const door = new Door({
    resolver: leases,
    groups: (door) =>
      new Groups({
        members,
        reach: (lease) => door.reach(lease),
        ask: (lease) => isReady(lease, door.agent),
      }),
    limits: { maxBodyBytes: settings.maxBodyBytes ?? MAX_BODY_BYTES, silence },
    secure,
    isDevelopment,
    observer,
  })
  const workers = new Resolver((key) => index.findWorker(key))
  const { currencies = [], images, keyLimits } = settings.inference ?? {}
  const inference = new InferenceDoor({
    offers: new Offers({
      read: () => everyPage((from) => index.offers({ open: true, limit: 200, ...from })),
      leases,
      workers,
      currencies,
      images,
    }),
    leases,
    dial: (target) => door.dial(target),
    ask: (lease) => isReady(lease, door.agent),
    keys: new Keys({ ...USUAL_KEY_LIMITS, ...(isDevelopment && UNLIMITED_KEYS), ...keyLimits }),
    observer: observer.inference,
    tracer: settings.tracer,
  })
  const readiness = new Readiness(gatewayReasons(settings.indexerUrl, tls?.cert))
  const loopback =
    development && new LoopbackPorts(development.portsFile, (wanted) => routeServer(door, wanted))
  let bound = 0
  const home = new Home({
    readiness,
    leases,
    groups: door.groups,
    scrapes: new ScrapeDoor(leases, door.agent, silence),
    workers: new WorkerDoor(workers, door.agent, silence),
    inference: new CarefulInference(inference, door.agent, keptReceipts(settings.indexerUrl)),
    agent: door.agent,
    loopback,
    urlOf: (label) => urlAt(`${label}.${domain}`, secure, bound),
  })
  const announcers = settings.announcers?.length ? new Announcers(settings.announcers) : undefined
  // On a development network everybody has one address.
  const shares = new Shares(isDevelopment ? { share: Number.POSITIVE_INFINITY } : {})
  let tlsPort = 0
  const domains =
    settings.domains &&
    openDomains(settings.domains, { index, leases, door, limits, shares, observer }, () => tlsPort)
  // The domain itself, and one label below: what the gateway's own certificate is for.
  const isOwn = (name: string | undefined) =>
    name === undefined || readHost(name, domain) !== undefined || name.endsWith(`.${domain}`)
  const receptionWith = (plain: PlainDoor | undefined) =>
    new Reception({ domain, door, home, inference, limits, observer, plain })
  const reception = receptionWith(tls ? undefined : domains?.plain)
  const frontOf = (reception: Reception): Omit<FrontParts, 'tls'> => ({
    handle: (request, response) => reception.handle(request, response),
    upgrade: (request, socket, head) => reception.upgrade(request, socket, head),
    direct: {
      ...door.direct,
      find: (head, client) => reception.find(head, client),
      begun: () => observer.request(),
    },
    limits,
    announcers,
  })
  const server = openFront({
    ...frontOf(reception),
    tls,
    look: tls && domains && ((socket, take) => domains.passing.receive(socket, isOwn, take)),
  })
  const served = await serve('The gateway', server, { host, port: settings.port })
  bound = served.port
  const { httpPort: wantedHttp, tlsPort: wantedTls } = settings.domains ?? {}
  const openBeside = (server: Server, port: number) => serve('The gateway', server, { host, port })
  const http =
    tls && domains && wantedHttp !== undefined
      ? await openBeside(openFront({ ...frontOf(receptionWith(domains.plain)), tls: undefined }), wantedHttp)
      : undefined
  const passed =
    !tls && domains && wantedTls !== undefined
      ? await openBeside(
          createServer((socket) =>
            receiveConnection(socket, { limits, announcers }, () => domains.passing.receive(socket, isOwn)),
          ),
          wantedTls,
        )
      : undefined
  tlsPort = tls ? bound : (passed?.port ?? 0)
  // A lease that can't be looked up now keeps its port.
  await loopback?.restore(
    async ({ key }) => (await leases.find(key).catch(() => ({ state: 'open' })))?.state === 'open',
  )
  return {
    port: bound,
    httpPort: http?.port,
    tlsPort: passed?.port,
    url: `${secure ? 'https' : 'http'}://${domain}:${bound}`,
    readiness,
    endpoints: () => inference.offers.all,
    stop: async () => {
      readiness.stop()
      loopback?.close()
      await Promise.all([served, http, passed].map((open) => open?.drain(settings.drainMs ?? 0)))
      inference.close()
      door.close()
    },
  }
}

/** What leads tenants' domains to their leases. `securePort`: where their TLS is taken. */
function openDomains(
  { nameServers }: DomainSettings,
  parts: {
    index: IndexClient
    leases: Resolver<LeaseRecord>
    door: Door
    limits: AddressLimits
    shares: Shares
    observer: GatewayObserver
  },
  securePort: () => number,
): { passing: Passing; plain: PlainDoor } {
  const { index, leases, door, limits, shares, observer } = parts
  const servers = new NameServers(nameServers)
  const named = new Resolver(async (key) => {
    const [tenant = '', wishedName = ''] = key.split('/')
    const { items } = await index.leases({ tenant, wishedName, open: true, limit: 1 })
    return items[0]
  })
  const finder = new DomainFinder({ claims: new Claims((name) => servers.texts(name)), leases, named })
  return {
    passing: new Passing({
      finder,
      groups: door.groups,
      limits,
      shares,
      stream: (target) => door.stream(target),
      observer,
    }),
    plain: new PlainDoor({ finder, groups: door.groups, agent: door.agent, securePort }),
  }
}

/** An address; its port is left out where it is the usual one. */
function urlAt(host: string, secure: boolean, port: number): string {
  return `${secure ? 'https' : 'http'}://${host}${port === (secure ? 443 : 80) ? '' : `:${port}`}`
}
