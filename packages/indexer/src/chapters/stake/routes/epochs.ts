import { address, CloisterError, EpochRecord } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { listOf, route } from '../../../api/route.ts'
import { clockOf } from '../queries/clock.ts'
import { findEpochs } from '../queries/epochs.ts'

/** With thousands of pools an epoch is long. */
const MAX_EPOCHS_OF_ALL = 100

export const listEpochs = route(
  {
    path: '/v1/epochs',
    summary: `Hours of emission: what each pool’s GPUs weighed and earned, or one provider’s, newest first; of all pools at most ${MAX_EPOCHS_OF_ALL}`,
    query: {
      provider: address.optional(),
      before: z.coerce.number().int().min(0).optional(),
      limit: z.coerce.number().int().min(1).max(720).default(24),
    },
    answer: listOf(EpochRecord),
    description: 'All of them.',
    problems: [400],
  },
  async ({ query }, parts) => {
    if (query.provider === undefined && query.limit > MAX_EPOCHS_OF_ALL)
      throw new CloisterError(
        'bad-request',
        `Of all pools there are at most ${MAX_EPOCHS_OF_ALL} epochs at once.`,
        { hint: 'Name a provider, or page with `before`.' },
      )
    return { items: await findEpochs(parts.database, query, clockOf(parts)) }
  },
)
