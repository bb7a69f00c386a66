import { address, bytes32, PAYMENT_KINDS, PaymentRecord, pageOf } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { paging, placeOf, toJson } from '../../../api/paging.ts'
import { route } from '../../../api/route.ts'
import { findPayments } from '../queries.ts'

export const listPayments = route(
  {
    path: '/v1/payments',
    summary: 'Money that moved, newest first',
    query: {
      lease: bytes32.optional(),
      account: address.optional(),
      token: address.optional(),
      kind: z.enum(PAYMENT_KINDS).optional(),
      ...paging,
    },
    answer: pageOf(PaymentRecord),
    description: 'A page.',
    problems: [400],
  },
  async ({ query: { limit, cursor, ...filters } }, { database }) =>
    toJson(await findPayments(database, filters, limit, placeOf(cursor))),
)
