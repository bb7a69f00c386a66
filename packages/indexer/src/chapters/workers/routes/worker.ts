import { address, CloisterError, WorkerRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { findWorkers, viewOf } from '../queries.ts'

export const oneWorker = route(
  {
    path: '/v1/workers/{address}',
    summary: 'One worker',
    params: { address },
    answer: WorkerRecord,
    description: 'The worker.',
    problems: [404],
  },
  async ({ params }, parts) => {
    const [found] = await findWorkers(parts.database, { worker: params.address }, viewOf(parts))
    if (found) return found
    throw new CloisterError('not-found', 'There is no such worker.')
  },
)
