import { CloisterError, RouteReport } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { routesOf } from '../reports.ts'
import { json, params, problem, route } from '../route.ts'

export const routesRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/routes',
    summary: 'What of a lease the outside reaches; public',
    request: { params },
    responses: { 200: json(z.array(RouteReport), 'Its routes.'), 404: problem },
  },
  (context, worker) => {
    const lease = worker.store.lease(context.req.valid('param').id)
    if (lease?.state !== 'open') throw new CloisterError('not-found', 'This worker has no such open lease.')
    return context.json(routesOf(worker, lease), 200)
  },
)
