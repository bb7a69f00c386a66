import { PoolRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { clockOf, findPools } from '../queries.ts'

export const listPools = route(
  {
    path: '/v1/pools',
    summary: 'Stake pools, those with most stake first',
    answer: listOf(PoolRecord),
    description: 'All of them.',
  },
  async (_, parts) => ({ items: await findPools(parts.database, {}, clockOf(parts)) }),
)
