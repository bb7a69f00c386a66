import { address, CloisterError, PoolRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { clockOf } from '../queries/clock.ts'
import { findPools } from '../queries/pools.ts'

export const onePool = route(
  {
    path: '/v1/pools/{provider}',
    summary: 'One provider’s stake pool',
    params: { provider: address },
    answer: PoolRecord,
    description: 'The pool.',
    problems: [404],
  },
  async ({ params }, parts) => {
    const [found] = await findPools(parts.database, params, clockOf(parts))
    if (found) return found
    throw new CloisterError('not-found', 'Nobody has staked for such a provider.')
  },
)
