import { ProviderRecord } from '@cloister/core'
import { listOf, route } from '../../../api/route.ts'
import { findProviders, viewOf } from '../queries.ts'

export const listProviders = route(
  {
    path: '/v1/providers',
    summary: 'Providers with their record',
    answer: listOf(ProviderRecord),
    description: 'All of them.',
  },
  async (_, parts) => ({ items: await findProviders(parts.database, {}, viewOf(parts)) }),
)
