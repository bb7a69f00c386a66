import { RegistryLogins } from '@cloister/core'
import { accepted, body, params, problem, requireTenant, route, security } from '../route.ts'

export const loginsRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/logins',
    summary: 'Hand over logins at registries, before the manifest whose images are there',
    security,
    request: { params, body: body(RegistryLogins) },
    responses: { 202: accepted('Written down.'), 401: problem, 403: problem, 404: problem },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    await worker.supervisor.acceptLogins(id, context.req.valid('json').logins)
    return context.json({ lease: id }, 202)
  },
)
