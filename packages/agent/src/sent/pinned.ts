import type { Address } from 'viem'
import type { Store } from '../store.ts'

/** Digests of all that a tenant's open leases take: what was announced, and what runs or is about to. */
export function pinnedBy(store: Store, tenant: Address): ReadonlySet<string> {
  const pinned = new Set<string>()
  for (const { id } of store.openLeases()) {
    const lease = store.lease(id)
    if (lease?.tenant !== tenant) continue
    const { sent, running, next } = lease
    for (const some of [sent?.now, sent?.before, running?.sent, next?.sent])
      for (const digest of some ?? []) pinned.add(digest)
  }
  return pinned
}
