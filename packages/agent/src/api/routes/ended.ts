import { CloisterError, EndedReport } from '@cloister/core'
import { json, params, problem, requireTenant, route, security } from '../route.ts'

export const endedRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/ended',
    summary: 'What is left of a lease that has ended: exit codes, reasons, the last of its logs',
    security,
    request: { params },
    responses: { 200: json(EndedReport, 'Kept for a day.'), 401: problem, 404: problem },
  },
  async (context, worker) => {
    const { id, state } = await requireTenant(context, worker, context.req.valid('param').id)
    const report = state === 'closed' ? worker.store.ended.report(id) : undefined
    if (!report)
      throw new CloisterError(
        'not-found',
        state === 'open' ? 'The lease is open.' : 'The lease has ended, and what was left of it is wiped.',
      )
    return context.json(report, 200)
  },
)
