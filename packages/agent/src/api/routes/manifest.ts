import { bytes32, CloisterError, readManifest } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { accepted, body, json, params, problem, requireTenant, route, security } from '../route.ts'

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

/** Its tenant may have lost the file, or want a change of what runs rather than of what a file says. */
export const runningManifestRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/manifest',
    summary: 'The manifest that runs',
    security,
    request: { params },
    responses: { 200: json(z.unknown(), 'The manifest.'), 401: problem, 404: problem },
  },
  async (context, worker) => {
    const lease = await requireTenant(context, worker, context.req.valid('param').id)
    if (!lease.running) throw new CloisterError('not-found', 'No manifest runs on the lease.')
    return context.json(lease.running.manifest, 200)
  },
)
