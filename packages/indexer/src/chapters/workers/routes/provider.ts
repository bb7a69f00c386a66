import { address, CloisterError, ProviderRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findProviders, viewOf } from '../queries.ts'

export const oneProvider = route(
  {
    path: '/v1/providers/{address}',
    summary: 'One provider',
    params: { address },
    answer: ProviderRecord,
    description: 'The provider.',
    problems: [404],
  },
  async ({ params }, parts) => {
    const [found] = await findProviders(parts.database, { provider: params.address }, viewOf(parts))
    if (found) return found
    throw new CloisterError('not-found', 'There is no such provider.')
  },
)
