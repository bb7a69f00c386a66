import { TotalsRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { readTotals } from '../queries.ts'

export const totals = route(
  {
    path: '/v1/totals',
    summary: 'The network in numbers',
    answer: TotalsRecord,
    description: 'Totals.',
  },
  (_, { database, network, now }) => readTotals(database, now(), network.emissionStart),
)
