import { bytes32, readManifest } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { accepted, body, params, problem, requireTenant, route, security } from '../route.ts'

export const manifestRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/manifest',
    summary: 'Hand over the manifest whose hash is on the lease',
    security,
    request: {
      params,
      // The tenant's reading key: signed with the path.
      query: z.object({ reader: bytes32.optional() }),
      body: body(z.unknown()),
    },
    responses: {
      202: accepted('Accepted and written down; it is being started.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
      422: problem,
    },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    const { reader } = context.req.valid('query')
    await worker.supervisor.accept(id, readManifest(await context.req.text()), reader)
    return context.json({ lease: id }, 202)
  },
)
