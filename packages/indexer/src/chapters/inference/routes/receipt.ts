import { bytes32, CloisterError } from '@cloister/core'
import { InferenceReceipt, RECEIPT_ID } from '@cloister/inference/protocol'
import { z } from '@hono/zod-openapi'
import { route } from '../../../api/route.ts'
import { findReceipt } from '../receipts/kept.ts'

export const oneReceipt = route(
  {
    path: '/v1/receipts/{receipt}',
    summary: 'One receipt of an answer, with its proof',
    params: { receipt: z.string().regex(RECEIPT_ID) },
    query: { lease: bytes32.optional() },
    answer: InferenceReceipt,
    description: 'The receipt, as its lease’s door handed it out.',
    problems: [400, 404],
  },
  async ({ params, query }, { database }) => {
    const found = await findReceipt(database, params.receipt, query.lease)
    if (found) return found
    throw new CloisterError('not-found', 'No such receipt is kept here. It may not be anchored yet.')
  },
)
