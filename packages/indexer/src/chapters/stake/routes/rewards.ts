import { address, pageOf, RewardRecord } from '@cloister/core'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findRewards } from '../queries/rewards.ts'

export const listRewards = route(
  {
    path: '/v1/rewards',
    summary: 'Rewards that were paid out, newest first',
    query: { provider: address.optional(), account: address.optional(), ...paging },
    answer: pageOf(RewardRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findRewards(database, filters, limit, placeOf(cursor))),
)
