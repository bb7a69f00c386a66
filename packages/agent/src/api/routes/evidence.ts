import { bytes32, EvidenceReport } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { evidenceReport } from '../evidence.ts'
import { json, problem, route } from '../route.ts'

export const evidenceRoute = route(
  {
    method: 'get',
    path: '/v1/evidence',
    summary:
      'A quote about this worker: the one last handed in on chain, or a fresh one over a number of yours',
    request: { query: z.object({ nonce: bytes32.optional() }) },
    responses: { 200: json(EvidenceReport, 'Evidence.'), 503: problem },
  },
  async (context, worker) =>
    context.json(await evidenceReport(worker, context.req.valid('query').nonce), 200),
)
