import { IndexClient } from '@cloister/client'
import { Readiness } from '@cloister/operations'
import { type AddressLimitSettings, serve } from '@cloister/transport'
import { Door } from './door.ts'
import { openFront } from './front.ts'
import { Home } from './home.ts'
import { gatewayLimits } from './limits.ts'
import { LoopbackPorts } from './loopback.ts'
import { type GatewayObserver, UNOBSERVED } from './observer.ts'
import { gatewayReasons } from './ready.ts'
import { Reception } from './reception.ts'
import { Resolver } from './resolve.ts'
import { routeServer } from './route-server.ts'
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

/** Opens the public door. HTTP/1.1, HTTP/2 and WebSocket. Throws `port-taken`. */
export async function startGateway(settings: GatewaySettings): Promise<RunningGateway> {
  const { domain, host, tls, development, silenceMs = SILENCE_MS, observer = UNOBSERVED } = settings
  const secure = tls !== undefined
  const isDevelopment = development !== undefined
  const silence = { clientMs: silenceMs, sendMs: silenceMs, answerMs: silenceMs }
  const limits = gatewayLimits(isDevelopment, settings.addressLimits)
  const index = new IndexClient(settings.indexerUrl, { answerMs: INDEX_MS })
  const leases = new Resolver((key) => index.findLease(key))
  const door = new Door({
    resolver: leases,
    limits: { maxBodyBytes: settings.maxBodyBytes ?? MAX_BODY_BYTES, silence },
    secure,
    isDevelopment,
    observer,
  })
  const readiness = new Readiness(gatewayReasons(settings.indexerUrl, tls?.cert))
  const loopback =
    development && new LoopbackPorts(development.portsFile, (wanted) => routeServer(door, wanted))
  let bound = 0
  const home = new Home({
    readiness,
    leases,
    scrapes: new ScrapeDoor(leases, door.agent, silence),
    workers: new WorkerDoor(new Resolver((key) => index.findWorker(key)), door.agent, silence),
    agent: door.agent,
    loopback,
    urlOf: (label) => urlAt(`${label}.${domain}`, secure, bound),
  })
  const reception = new Reception({ domain, door, home, limits, observer })
  const server = openFront({
    tls,
    limits,
    handle: (request, response) => reception.handle(request, response),
    upgrade: (request, socket, head) => reception.upgrade(request, socket, head),
    direct: {
      ...door.direct,
      find: (head, client) => reception.find(head, client),
      begun: () => observer.request(),
    },
  })
  const served = await serve('The gateway', server, { host, port: settings.port })
  bound = served.port
  // A lease that can't be looked up now keeps its port.
  await loopback?.restore(
    async ({ key }) => (await leases.find(key).catch(() => ({ state: 'open' })))?.state === 'open',
  )
  return {
    port: bound,
    url: `${secure ? 'https' : 'http'}://${domain}:${bound}`,
    readiness,
    stop: async () => {
      readiness.stop()
      loopback?.close()
      await served.drain(settings.drainMs ?? 0)
      door.close()
    },
  }
}

/** An address; its port is left out where it is the usual one. */
function urlAt(host: string, secure: boolean, port: number): string {
  return `${secure ? 'https' : 'http'}://${host}${port === (secure ? 443 : 80) ? '' : `:${port}`}`
}
