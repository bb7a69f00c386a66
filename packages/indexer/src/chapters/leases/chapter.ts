import type { Chapter } from '../../engine/chapter.ts'
import { MARKET } from './contract.ts'
import { LEASE, leaseHandlers, leases } from './fold.ts'
import { oneLease } from './routes/lease.ts'
import { listLeases } from './routes/leases.ts'
import { leaseTotals } from './totals.ts'

export const LEASES_CHAPTER: Chapter = {
  name: 'leases',
  version: 1,
  contracts: [MARKET],
  subjects: [LEASE],
  entities: [leases],
  logs: [],
  totals: leaseTotals,
  handlers: leaseHandlers,
  routes: [listLeases, oneLease],
}
