import { address, isLeaseName, LeaseRecord, pageOf } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { flag, route } from '../../../api/route.ts'
import { findLeases } from '../queries.ts'

export const listLeases = route(
  {
    path: '/v1/leases',
    summary: 'Leases, newest first',
    query: {
      tenant: address.optional(),
      worker: address.optional(),
      provider: address.optional(),
      token: address.optional(),
      name: z.string().refine(isLeaseName).optional(),
      wishedName: z.string().refine(isLeaseName).optional(),
      open: flag,
      ...paging,
    },
    answer: pageOf(LeaseRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findLeases(database, filters, limit, placeOf(cursor))),
)
