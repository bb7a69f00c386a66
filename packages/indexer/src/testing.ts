// A development chain and an index of it, for tests of chapters.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IndexStatus } from '@cloister/core'
import { startDevelopmentChain } from '@cloister/development/chain'
import { expect } from 'vitest'
import type { z } from 'zod'
import { type IndexerSettings, startIndexer } from './indexer.ts'

/** `prepare` is given the database's folder before the index opens it. */
export interface TestIndexOptions {
  chapters?: NonNullable<IndexerSettings['chapters']>
  prepare?: (database: string) => Promise<void>
  keepReceiptsMs?: number
}

export type TestIndex = Awaited<ReturnType<typeof startTestIndex>>

/** Starts both, in a folder that `stop` deletes. */
export async function startTestIndex({ chapters, prepare, keepReceiptsMs }: TestIndexOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-index-'))
  const database = join(folder, 'index')
  const chain = await startDevelopmentChain()
  await prepare?.(database)
  const indexer = await startIndexer({
    network: chain.network,
    database,
    host: '127.0.0.1',
    port: 0,
    warn: () => {},
    ...(chapters && { chapters }),
    ...(keepReceiptsMs !== undefined && { keepReceiptsMs }),
  })
  const { client } = chain.wallet(0)
  const statusOf = async () => IndexStatus.parse(await (await fetch(`${indexer.url}/v1/status`)).json())
  /** Waits until the chain's newest block is in the index. */
  const synced = async () => {
    const isSynced = async () => (await statusOf()).blockHash === (await client.getBlock()).hash
    await expect.poll(isSynced, { timeout: 20_000 }).toBe(true)
  }
  return {
    chain,
    folder,
    url: indexer.url,
    synced,
    rpc: (method: string, ...params: unknown[]) => client.request({ method, params } as never),
    /** What the index answers once it is synced. */
    ask: async <T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T>> => {
      await synced()
      return schema.parse(await (await fetch(indexer.url + path)).json())
    },
    stop: async () => {
      await indexer.stop()
      await chain.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
