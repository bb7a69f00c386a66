import { CloisterError, isLeaseName, LeaseRecord } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { route } from '../../../api/route.ts'
import { findLeases } from '../queries.ts'

/** A lease's id, the first 16 hex digits of it, or its name. */
const leaseKey = z
  .string()
  .refine(
    (text) => /^(0x[0-9a-f]{64}|[0-9a-f]{16})$/.test(text) || isLeaseName(text),
    'not a lease id, short id or name',
  )

export const oneLease = route(
  {
    path: '/v1/leases/{key}',
    summary: 'One lease by id, short id or name',
    params: { key: leaseKey },
    answer: LeaseRecord,
    description: 'The lease.',
    problems: [404],
  },
  async ({ params: { key } }, { database }) => {
    const filters = filtersOf(key)
    const [lease] = (await findLeases(database, filters, 1)).items
    if (lease) return lease
    throw new CloisterError('not-found', `There is no ${'name' in filters ? 'open ' : ''}lease ${key}.`)
  },
)

function filtersOf(key: string) {
  if (key.startsWith('0x')) return { lease: key }
  return /^[0-9a-f]{16}$/.test(key) ? { short: key } : { name: key }
}
