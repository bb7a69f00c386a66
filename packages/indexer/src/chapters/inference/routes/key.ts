import { address, CloisterError, KeyRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findKeys } from '../queries.ts'

export const oneKey = route(
  {
    path: '/v1/keys/{key}',
    summary: 'One session key',
    params: { key: address },
    answer: KeyRecord,
    description: 'The key.',
    problems: [404],
  },
  async ({ params }, { database }) => {
    const [found] = await findKeys(database, params)
    if (found) return found
    throw new CloisterError('not-found', 'Nobody has registered this key.')
  },
)
