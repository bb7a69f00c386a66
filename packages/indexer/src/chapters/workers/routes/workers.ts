import { address, WorkerRecord } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { flag, listOf, route } from '../../../api/route.ts'
import { storableText } from '../../../database/storable.ts'
import { findWorkers, viewOf } from '../queries.ts'

export const listWorkers = route(
  {
    path: '/v1/workers',
    summary: 'Workers with their record',
    query: {
      provider: address.optional(),
      gpuClass: z
        .string()
        .max(32)
        .refine((text) => storableText(text) === text, 'not text that a class could have')
        .optional(),
      covered: flag,
    },
    answer: listOf(WorkerRecord),
    description: 'All of them.',
    problems: [400],
  },
  async ({ query }, parts) => ({ items: await findWorkers(parts.database, query, viewOf(parts)) }),
)
