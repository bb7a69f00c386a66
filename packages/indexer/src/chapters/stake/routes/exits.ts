import { address, ExitRecord, pageOf } from '@cloister/core'
import { cursorOf, paging, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { ExitPlace, findExits } from '../queries/exits.ts'

export const listExits = route(
  {
    path: '/v1/exits',
    summary: 'Stake that is leaving or has left, what is ready first first',
    query: {
      provider: address.optional(),
      account: address.optional(),
      ...paging,
      state: ExitRecord.shape.state.optional(),
    },
    answer: pageOf(ExitRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findExits(database, filters, limit, cursorOf(cursor, ExitPlace))),
)
