import { accepted, params, problem, requireTenant, route, security } from '../route.ts'

export const pullRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/pull',
    summary: 'Look up anew what the tags of the running manifest are, and run that',
    security,
    request: { params },
    responses: {
      202: accepted('Written down; it is being done.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
    },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    await worker.supervisor.pullAgain(id)
    return context.json({ lease: id }, 202)
  },
)
