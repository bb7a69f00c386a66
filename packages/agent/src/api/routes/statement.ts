import { CloisterError, StatementReport } from '@cloister/core'
import { statementReport } from '../evidence.ts'
import { json, params, problem, route } from '../route.ts'

export const statementRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/statement',
    summary: 'What runs for a lease, signed by the worker; public',
    request: { params },
    responses: { 200: json(StatementReport, 'The statement.'), 404: problem },
  },
  async (context, worker) => {
    const lease = worker.store.lease(context.req.valid('param').id)
    if (lease?.state !== 'open' || !lease.running)
      throw new CloisterError('not-found', 'This worker runs no such lease.')
    return context.json(await statementReport(worker, lease.id, lease.running), 200)
  },
)
