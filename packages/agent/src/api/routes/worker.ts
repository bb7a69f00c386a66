import { WorkerReport } from '@cloister/core'
import { workerReport } from '../reports.ts'
import { json, route } from '../route.ts'

export const workerRoute = route(
  {
    method: 'get',
    path: '/v1/worker',
    summary: 'Who this worker is, what it has and what it asks',
    responses: { 200: json(WorkerReport, 'The worker.') },
  },
  (context, worker) => context.json(workerReport(worker), 200),
)
