import { address, ChannelRecord, pageOf } from '@cloister/core'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findChannels } from '../queries.ts'

export const listChannels = route(
  {
    path: '/v1/channels',
    summary: 'Channels between payers and receivers, those opened last first',
    query: {
      payer: address.optional(),
      payerAuthorizer: address.optional(),
      receiver: address.optional(),
      ...paging,
    },
    answer: pageOf(ChannelRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findChannels(database, filters, limit, placeOf(cursor))),
)
