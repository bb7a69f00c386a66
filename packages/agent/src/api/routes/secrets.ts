import { Envelope } from '@cloister/secrets'
import { accepted, body, params, problem, requireTenant, route, security } from '../route.ts'

export const secretsRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/secrets',
    summary: 'Hand over sealed secrets, before the manifest that takes them; or new ones for what runs',
    security,
    request: { params, body: body(Envelope) },
    responses: { 202: accepted('Written down.'), 401: problem, 403: problem, 404: problem },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    await worker.supervisor.acceptSecrets(id, context.req.valid('json'))
    return context.json({ lease: id }, 202)
  },
)
