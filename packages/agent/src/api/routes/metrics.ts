import { MetricsReport } from '@cloister/core'
import { metricsReport } from '../reports.ts'
import { json, params, problem, requireTenant, route, security } from '../route.ts'

export const metricsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/metrics',
    summary: 'What a lease uses now',
    security,
    request: { params },
    responses: { 200: json(MetricsReport, 'Usage and limits.'), 401: problem },
  },
  async (context, worker) =>
    context.json(
      await metricsReport(worker, await requireTenant(context, worker, context.req.valid('param').id)),
      200,
    ),
)
