import { CloisterError, DomainsReport } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { domainsReport } from '../../domains/report.ts'
import { json, params, problem, route } from '../route.ts'

export const domainsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/domains',
    summary: 'The domains of a lease, and the keys that were made for them here, signed; public',
    request: { params },
    responses: { 200: json(DomainsReport, 'Its domains.'), 404: problem },
  },
  async (context, worker) => {
    const lease = worker.store.lease(context.req.valid('param').id)
    if (lease?.state !== 'open') throw new CloisterError('not-found', 'This worker has no such open lease.')
    return context.json(await domainsReport(worker, lease), 200)
  },
)

export const challengeRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/challenges/{token}',
    summary: 'What is answered to an authority that asks at a domain (RFC 8555, section 8.3); public',
    request: {
      params: params.extend({ token: z.string().regex(/^[\w-]{16,128}$/) }),
      query: z.object({ domain: z.string().max(255) }),
    },
    responses: {
      200: { content: { 'text/plain': { schema: z.string() } }, description: 'The answer.' },
      404: problem,
    },
  },
  (context, worker) => {
    const { id, token } = context.req.valid('param')
    const answer = worker.domains.challenges.find(id, context.req.valid('query').domain, token)
    if (answer === undefined) throw new CloisterError('not-found', 'Nobody is expected to ask for that.')
    return context.text(answer, 200)
  },
)
