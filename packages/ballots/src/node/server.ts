import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Chain } from '@cloister/chain'
import type { CloisterError } from '@cloister/core'
import { Readiness } from '@cloister/operations'
import { type AddressLimitSettings, AddressLimits, SERVER_OPTIONS, serve } from '@cloister/transport'
import { getRequestListener } from '@hono/node-server'
import type { Address } from 'viem'
import type { BallotSource, ReadText } from '../ballot.ts'
import { hubApi } from './api/app.ts'
import { Clients, type ProxySettings } from './clients.ts'
import { Hub } from './hub.ts'
import { openHubKey } from './key.ts'
import { Mirror } from './mirror.ts'
import { VoteStore } from './store.ts'

/** What a hub is started with. */
export interface HubSettings {
  chain: Chain
  /** Ballots and power, with texts as the hub has them. */
  source: (readText: ReadText) => BallotSource
  /** The contract of ballots, and the space that its votes name. */
  ballots: Address
  space: string
  /** Keeps votes and the hub's key. */
  folder: string
  host: string
  /** 0 for any free one. */
  port: number
  warn: (message: string) => void
  /** Other hubs, whose votes it takes, too. */
  mirrors?: readonly string[]
  /** Milliseconds between two looks at each of them; 15 s if not given. */
  mirrorMs?: number
  limits?: Partial<AddressLimitSettings>
  /** Who may say whose connections and requests are. */
  proxies?: ProxySettings
  /** Is told of each vote that was posted: `taken`, or the code of why not. */
  posted?: (outcome: string) => void
  /** Unix seconds; the machine's clock, or the chain's where that is ahead, if not given. */
  now?: () => number
  drainMs?: number
}

/** A hub that was started. */
export interface RunningHub {
  url: string
  port: number
  hub: Hub
  readiness: Readiness
  stop: () => Promise<void>
}

/** What one address may ask for. A household votes within a minute; tools read whole lists. */
const LIMITS: AddressLimitSettings = {
  requestsPerSecond: 10,
  burst: 100,
  connectionsPerAddress: 64,
  connections: 2_048,
}

/** Starts a hub: takes votes from now on. Throws `port-taken`, `bad-key`, `bad-option`. */
export async function startHub(settings: HubSettings): Promise<RunningHub> {
  const { chain, ballots, space, folder, host, port, warn, drainMs = 0 } = settings
  const clients = new Clients(settings.proxies ?? {})
  const store = new VoteStore(join(folder, 'votes.sqlite'))
  const source = settings.source((hash) => store.text(hash))
  const key = openHubKey(join(folder, 'hub-key'))
  const now = settings.now ?? (() => Math.max(Math.floor(Date.now() / 1000), source.time))
  const hub = new Hub({ chain, source, store, key, space, ballots, now })
  const limits = new AddressLimits({ ...LIMITS, ...settings.limits })
  const readiness = new Readiness(async () => {
    await source.list()
    return []
  })
  const api = hubApi({ hub, limits, clients, warn, posted: settings.posted ?? (() => {}) })
  api.get('/ready', async (context) => {
    const report = await readiness.report()
    return context.json(report, report.ready ? 200 : 503, { 'cache-control': 'no-store' })
  })
  const server = createServer(SERVER_OPTIONS, getRequestListener(api.fetch))
  clients.guard(server, limits)
  const served = await serve('The hub', server, { host, port }).catch((error: CloisterError) => {
    store.close()
    throw error
  })
  const mirror = new Mirror(hub, settings.mirrors ?? [], warn, settings.mirrorMs)
  mirror.start()
  return {
    port: served.port,
    url: `http://${host}:${served.port}`,
    hub,
    readiness,
    stop: async () => {
      readiness.stop()
      await Promise.all([mirror.stop(), served.drain(drainMs)])
      store.close()
    },
  }
}
