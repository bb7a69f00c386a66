import { AppRecord, address, pageOf } from '@cloister/core'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findApps } from '../queries.ts'

export const listApps = route(
  {
    path: '/v1/apps',
    summary: 'Apps, those registered last first',
    query: { owner: address.optional(), ...paging },
    answer: pageOf(AppRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database, now }) =>
    toJson(await findApps(database, filters, now(), limit, placeOf(cursor))),
)
