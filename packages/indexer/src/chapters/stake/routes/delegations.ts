import { address, DelegationRecord, pageOf } from '@cloister/core'
import { cursorOf, paging, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { DelegationPlace, findDelegations } from '../queries/delegations.ts'

export const listDelegations = route(
  {
    path: '/v1/delegations',
    summary: 'Who holds what in which pool, those with most first',
    query: { provider: address.optional(), account: address.optional(), ...paging },
    answer: pageOf(DelegationRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findDelegations(database, filters, limit, cursorOf(cursor, DelegationPlace))),
)
