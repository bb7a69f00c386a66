import { IndexStatus } from '@cloister/core'
import type { Hex } from 'viem'
import { lastCheckpoint, readCounter } from '../engine/checkpoint.ts'
import { route } from './route.ts'

export const status = route(
  {
    path: '/v1/status',
    summary: 'How far the index is',
    answer: IndexStatus,
    description: 'Where it is.',
  },
  async (_, { database, follower, network }) => {
    const [last, events, reorganisations] = await Promise.all([
      lastCheckpoint(database),
      readCounter(database, 'events'),
      readCounter(database, 'reorganisations'),
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
      events,
      reorganisations,
    }
  },
)
