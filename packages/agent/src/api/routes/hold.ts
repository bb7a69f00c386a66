import { HoldRequest } from '@cloister/core'
import { accepted, body, params, problem, requireTenant, route, security } from '../route.ts'

export const holdRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/hold',
    summary: 'End the containers of a lease and keep its volumes, or run them again',
    description: 'With `seconds` they run again by themselves after that, unless it is said anew.',
    security,
    request: { params, body: body(HoldRequest) },
    responses: {
      202: accepted('Written down; it is being done.'),
      401: problem,
      403: problem,
      404: problem,
    },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    const { held, seconds } = context.req.valid('json')
    await worker.supervisor.hold(id, held, seconds)
    return context.json({ lease: id }, 202)
  },
)
