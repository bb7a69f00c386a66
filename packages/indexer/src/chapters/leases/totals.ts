import { total } from '../../engine/chapter.ts'
import { leases } from './fold.ts'
import { leaseTotal, tenantTotal } from './tables.ts'

/** What is asked of all leases: counted when it is asked, it would take longer with each of them. */
export const leaseTotals = [
  total(
    leaseTotal,
    leases,
    { key: 'key', adds: ['leases', 'open', 'refused', 'deposit', 'spent', 'fee'] },
    ({ worker, provider, token, open, refused, deposit, spent, fee }) => ({
      key: `${worker} ${token}`,
      worker,
      provider,
      token,
      leases: 1,
      open: Number(open),
      refused: Number(refused),
      deposit,
      spent,
      fee,
    }),
  ),
  total(tenantTotal, leases, { key: 'tenant', adds: ['leases'] }, ({ tenant }) => ({ tenant, leases: 1 })),
]
