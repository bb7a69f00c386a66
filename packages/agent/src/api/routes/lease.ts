import { LeaseReport } from '@cloister/core'
import { leaseReport } from '../reports.ts'
import { json, params, problem, requireTenant, route, security } from '../route.ts'

export const leaseRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}',
    summary: 'How a lease is doing',
    security,
    request: { params },
    responses: { 200: json(LeaseReport, 'The lease.'), 401: problem, 404: problem },
  },
  async (context, worker) =>
    context.json(
      leaseReport(worker, await requireTenant(context, worker, context.req.valid('param').id)),
      200,
    ),
)
