import { createServer } from 'node:http'
import type { Network } from '@cloister/chain'
import { serve } from '@cloister/transport'
import { getRequestListener } from '@hono/node-server'
import { indexApi } from './api/app.ts'
import { CHAPTERS } from './chapters/index.ts'
import { openDatabase } from './database/open.ts'
import type { Chapter } from './engine/chapter.ts'
import { Follower } from './engine/follow.ts'
import { Plan } from './engine/plan.ts'

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
}

/** Starts following the chain and serving what is known. Throws `database-unreachable` or `port-taken`. */
export async function startIndexer({
  network,
  database: location,
  host,
  port,
  warn,
  chapters = CHAPTERS,
}: IndexerSettings): Promise<{ port: number; url: string; follower: Follower; stop: () => Promise<void> }> {
  const plan = new Plan(chapters, network)
  const { database, close } = await openDatabase(location)
  const follower = new Follower(database, network, plan, warn)
  const now = () => Math.max(Math.floor(Date.now() / 1000), follower.time)
  const routes = chapters.flatMap((chapter) => chapter.routes)
  const api = indexApi(routes, { database, follower, network, plan, now }, warn)
  const server = createServer(getRequestListener(api.fetch))
  const served = await serve('The indexer', server, { host, port }).catch(async (error) => {
    await close()
    throw error
  })
  follower.start()
  return {
    port: served.port,
    url: `http://${host}:${served.port}`,
    follower,
    stop: async () => {
      await follower.stop()
      await served.close()
      await close()
    },
  }
}
