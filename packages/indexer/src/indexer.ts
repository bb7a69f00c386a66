import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { getRequestListener } from '@hono/node-server'
import { indexApi } from './api/app.ts'
import { openDatabase } from './database/open.ts'
import { Follower } from './engine/follow.ts'

/** What an indexer is started with. */
export interface IndexerSettings {
  network: Network
  /** `postgres://…`, or a folder for the embedded database. */
  database: string
  host: string
  /** 0 for any free one. */
  port: number
  warn: (message: string) => void
}

/** Starts following the chain and serving what is known. Throws `database-unreachable` or `port-taken`. */
export async function startIndexer({
  network,
  database: location,
  host,
  port,
  warn,
}: IndexerSettings): Promise<{ port: number; url: string; follower: Follower; stop: () => Promise<void> }> {
  const { database, close } = await openDatabase(location)
  const follower = new Follower(database, network, warn)
  const server = createServer(getRequestListener(indexApi({ database, follower, network, warn }).fetch))
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, host, () => resolve()),
  ).catch(async (cause) => {
    await close()
    throw new CloisterError('port-taken', `The indexer can not listen on ${host}:${port}.`, { cause })
  })
  follower.start()
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    url: `http://${host}:${bound}`,
    follower,
    stop: async () => {
      await follower.stop()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await close()
    },
  }
}
