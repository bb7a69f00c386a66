import { address, KeyRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { findKeys } from '../queries.ts'

export const listKeys = route(
  {
    path: '/v1/keys',
    summary: 'A payer’s session keys',
    query: { payer: address },
    answer: listOf(KeyRecord),
    description: 'A thousand of them at the most.',
    problems: [400],
  },
  async ({ query }, { database }) => ({ items: await findKeys(database, query) }),
)
