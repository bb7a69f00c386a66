import { Collectors, CollectorsReport } from '@cloister/core'
import { handOver } from '../hand-over.ts'
import { json, params, problem, requireTenant, route, security } from '../route.ts'

export const putCollectorsRoute = handOver(
  '/v1/leases/{id}/collectors',
  'Say where logs and metrics of a lease are to go',
  Collectors,
  (supervisor, lease, { collectors }) => supervisor.acceptCollectors(lease, collectors),
)

export const collectorsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/collectors',
    summary: 'How it goes with the collectors of a lease',
    security,
    request: { params },
    responses: { 200: json(CollectorsReport, 'What they took, and what was dropped.'), 401: problem },
  },
  async (context, worker) => {
    const { id } = await requireTenant(context, worker, context.req.valid('param').id)
    return context.json({ collectors: worker.collecting.report(id) }, 200)
  },
)
