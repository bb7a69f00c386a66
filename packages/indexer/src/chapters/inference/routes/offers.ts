import { address, bytes32, OfferRecord, pageOf } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { flag, route } from '../../../api/route.ts'
import { findOffers } from '../queries.ts'

export const listOffers = route(
  {
    path: '/v1/offers',
    summary: 'Models that are paid by the token, those offered last first',
    query: {
      model: z.string().max(128).optional(),
      lease: bytes32.optional(),
      provider: address.optional(),
      tenant: address.optional(),
      open: flag,
      ...paging,
    },
    answer: pageOf(OfferRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findOffers(database, filters, limit, placeOf(cursor))),
)
