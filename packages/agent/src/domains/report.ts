import { type DomainReport, type DomainsReport, domainKeysDigest } from '@cloister/core'
import type { Worker } from '../api/worker.ts'
import type { StoredLease } from '../store.ts'
import { factsOf } from './certificate.ts'

/** How a lease's domains are doing. */
export function domainReports({ domains, store }: Pick<Worker, 'domains' | 'store'>, lease: StoredLease) {
  return domains.keeper.domainsOf(lease).map((wanted): DomainReport => {
    const stored = store.domains.find(lease.id, wanted.domain)
    const { certificate, failure, nextTry } = stored ?? {}
    return {
      ...wanted,
      claim: stored?.claim ?? 'unknown',
      ...(certificate && { certificate: factsOf(certificate) }),
      ...(failure && { failure }),
      ...(nextTry !== undefined && { nextTry }),
    }
  })
}

/** How a lease's domains are doing, with the keys that were made for them, signed by the worker's own. */
export async function domainsReport(
  worker: Pick<Worker, 'domains' | 'store' | 'key' | 'network'>,
  lease: StoredLease,
): Promise<DomainsReport> {
  const { domains, key, network } = worker
  const reports = domainReports(worker, lease)
  const keys = Object.fromEntries(
    reports.flatMap(({ domain, certificate }) => (certificate ? [[domain, certificate.keyHash]] : [])),
  )
  const instant = Math.floor(Date.now() / 1000)
  const signature = await key.sign({
    hash: domainKeysDigest({ lease: lease.id, keys, instant }, network.chainId, network.contracts.market),
  })
  const { account, authority } = domains
  return {
    lease: lease.id,
    domains: reports,
    hasDnsAccess: lease.dns !== undefined,
    ...(account !== undefined && { account }),
    ...(authority !== undefined && { authority }),
    instant,
    signature,
  }
}
