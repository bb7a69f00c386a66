import { address, bytes32, ChainEventRecord, pageOf } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findEvents } from '../queries.ts'

export const events = route(
  {
    path: '/v1/events',
    summary: 'Events of the contracts, newest first',
    query: {
      lease: bytes32.optional(),
      worker: address.optional(),
      name: z
        .string()
        .regex(/^[A-Za-z]{1,64}$/)
        .optional(),
      ...paging,
    },
    answer: pageOf(ChainEventRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database, plan }) =>
    toJson(await findEvents(database, plan, filters, limit, placeOf(cursor))),
)
