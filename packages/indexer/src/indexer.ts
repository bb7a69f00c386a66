import { createServer } from 'node:http'
import type { Network } from '@cloister/chain'
import { Readiness } from '@cloister/operations'
import { serve } from '@cloister/transport'
import { getRequestListener } from '@hono/node-server'
import { indexApi } from './api/app.ts'
import { CHAPTERS } from './chapters/index.ts'
import { ReceiptKeeper } from './chapters/inference/receipts/keeper.ts'
import { type Database, openDatabase } from './database/open.ts'
import type { Chapter } from './engine/chapter.ts'
import { Follower } from './engine/follow.ts'
import { Plan } from './engine/plan.ts'
import { indexReasons } from './ready.ts'

/** What an indexer is started with. */
export interface IndexerSettings {
  network: Network
  /** `postgres://…`, or a folder for the embedded database. */
  database: string
  host: string
  /** 0 for any free one. */
  port: number
  warn: (message: string) => void
  /** What it knows; everything if not given. */
  chapters?: readonly Chapter[]
  /** Is told how long a query took, in seconds, by its route's path as OpenAPI has it. */
  answered?: (path: string, seconds: number) => void
  /** Milliseconds between two looks for receipts that are to be kept; ten seconds if not given. */
  keepReceiptsMs?: number
  /** Milliseconds that requests under way may take to end when it stops; 0 if not given. */
  drainMs?: number
}

/** An indexer that was started. */
export interface RunningIndexer {
  port: number
  url: string
  database: Database
  follower: Follower
  readiness: Readiness
  stop: () => Promise<void>
}

/** Starts following the chain and serving what is known. Throws `database-unreachable` or `port-taken`. */
export async function startIndexer({
  network,
  database: location,
  host,
  port,
  warn,
  chapters = CHAPTERS,
  answered = () => {},
  drainMs = 0,
  keepReceiptsMs,
}: IndexerSettings): Promise<RunningIndexer> {
  const plan = new Plan(chapters, network)
  const { database, close } = await openDatabase(location)
  const follower = new Follower(database, network, plan, warn)
  const now = () => Math.max(Math.floor(Date.now() / 1000), follower.time)
  const routes = chapters.flatMap((chapter) => chapter.routes)
  const readiness = new Readiness(indexReasons(database, follower))
  const api = indexApi(routes, { database, follower, network, plan, now, answered }, warn)
  api.get('/ready', async (context) => {
    const report = await readiness.report()
    return context.json(report, report.ready ? 200 : 503, { 'cache-control': 'no-store' })
  })
  const server = createServer(getRequestListener(api.fetch))
  const served = await serve('The indexer', server, { host, port }).catch(async (error) => {
    await close()
    throw error
  })
  follower.start()
  const keeper = new ReceiptKeeper({
    database,
    network,
    warn,
    now,
    ...(keepReceiptsMs !== undefined && { everyMs: keepReceiptsMs }),
  })
  if (network.contracts.receipts) keeper.start()
  return {
    port: served.port,
    url: `http://${host}:${served.port}`,
    database,
    follower,
    readiness,
    stop: async () => {
      readiness.stop()
      // What is being written is committed, and what is being asked is answered, before the database closes.
      await Promise.all([follower.stop(), keeper.stop(), served.drain(drainMs)])
      await close()
    },
  }
}
