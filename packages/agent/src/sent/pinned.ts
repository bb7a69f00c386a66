import type { Address } from 'viem'
import type { Store } from '../store.ts'

/** Digests of all that a tenant's open leases take, or took before their last update. */
export function pinnedBy(store: Store, tenant: Address): ReadonlySet<string> {
  const pinned = new Set<string>()
  for (const { id } of store.openLeases()) {
    const lease = store.lease(id)
    if (lease?.tenant !== tenant) continue
    for (const digest of [...(lease.sent?.now ?? []), ...(lease.sent?.before ?? [])]) pinned.add(digest)
  }
  return pinned
}
