import { PoolRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { clockOf } from '../queries/clock.ts'
import { findPools } from '../queries/pools.ts'

export const listPools = route(
  {
    path: '/v1/pools',
    summary: 'Stake pools, those with most stake first',
    answer: listOf(PoolRecord),
    description: 'All of them.',
  },
  async (_, parts) => ({ items: await findPools(parts.database, {}, clockOf(parts)) }),
)
