import { IndexStatus } from '@cloister/core'
import { count, eq } from 'drizzle-orm'
import type { Hex } from 'viem'
import { lastCheckpoint } from '../engine/checkpoint.ts'
import { event, progress } from '../engine/tables.ts'
import { route } from './route.ts'

export const status = route(
  {
    path: '/v1/status',
    summary: 'How far the index is',
    answer: IndexStatus,
    description: 'Where it is.',
  },
  async (_, { database, follower, network }) => {
    const [last, [events], [reorganised]] = await Promise.all([
      lastCheckpoint(database),
      database.select({ all: count() }).from(event),
      database.select().from(progress).where(eq(progress.key, 'reorganisations')),
    ])
    const block = last?.block ?? 0
    return {
      chainId: network.chainId,
      market: network.contracts.market,
      block,
      // A checkpoint's hash was written as one.
      ...(last && { blockHash: last.hash as Hex }),
      head: Math.max(follower.head, block),
      synced: last !== undefined && block >= follower.head,
      events: events?.all ?? 0,
      reorganisations: Number(reorganised?.value ?? 0),
    }
  },
)
