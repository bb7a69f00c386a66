import { address, PurseRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { findPurses } from '../queries.ts'

export const listPurses = route(
  {
    path: '/v1/purses/{payer}',
    summary: 'A payer’s purses',
    params: { payer: address },
    answer: listOf(PurseRecord),
    description: 'One for each token.',
  },
  async ({ params: { payer } }, { database }) => ({ items: await findPurses(database, payer) }),
)
