import { address, pageOf, SlashRecord } from '@cloister/core'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findSlashes } from '../queries/slashes.ts'

export const listSlashes = route(
  {
    path: '/v1/slashes',
    summary: 'Stake that was taken, newest first',
    query: { provider: address.optional(), ...paging },
    answer: pageOf(SlashRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findSlashes(database, filters, limit, placeOf(cursor))),
)
