import { domainsOf, type Manifest, type ManifestDomain } from '@cloister/core'
import type { Hex } from 'viem'
import type { Worker } from '../api/worker.ts'
import { exposedHttp } from '../leases/exposed.ts'

/** The manifest that answers for an open lease. */
export function manifestOf({ store }: Pick<Worker, 'store'>, id: Hex): Manifest | undefined {
  const lease = store.lease(id)
  return lease?.state === 'open' ? (lease.running?.manifest ?? lease.next?.manifest) : undefined
}

/** Domains of manifests, as they were read once: leases that are read are shared, and never change. */
const domainsBy = new WeakMap<Manifest, ManifestDomain[]>()

/** Domains that a lease is served at: its manifest has them, and DNS says that they are its tenant's. */
export function servedDomains(worker: Pick<Worker, 'store'>, id: Hex): ManifestDomain[] {
  const manifest = manifestOf(worker, id)
  if (!manifest) return []
  let domains = domainsBy.get(manifest)
  if (!domains) {
    domains = domainsOf(manifest)
    domainsBy.set(manifest, domains)
  }
  return domains.filter(({ domain }) => worker.store.domains.find(id, domain)?.claim === 'found')
}

/** Where requests for a domain go, as the route header has it. */
export function routeOfDomain(
  worker: Pick<Worker, 'store'>,
  id: Hex,
  { service, port }: ManifestDomain,
): string {
  const manifest = manifestOf(worker, id)
  const exposed = manifest && exposedHttp(manifest).find((to) => to.service === service && to.port === port)
  return `${id}/${exposed?.label ?? '-'}`
}
