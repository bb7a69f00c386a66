import {
  CloisterError,
  claimNameOf,
  type DomainsReport,
  domainKeysDigest,
  gatewayDomain,
  type LeaseRecord,
  shortId,
  writeDomainClaim,
} from '@cloister/core'
import { isAddressEqual, recoverAddress } from 'viem'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { findLease } from './lease.ts'

/** A DNS record that a tenant makes at its own provider. */
export interface DomainRecord {
  domain: string
  type: 'TXT' | 'CNAME' | 'CAA'
  name: string
  value: string
  /** What it is for. */
  purpose: string
}

/** A lease's domains, and the records that belong into DNS for them. */
export interface LeaseDomains extends DomainsReport {
  records: DomainRecord[]
}

/**
 * The domains of a lease by the word of its attested worker: whether DNS says that they are its tenant's, and
 * the keys of their certificates, which were made in the worker. `key`: a lease's id, short id or name.
 * Throws `not-found`, `bad-answer` where the worker's signature doesn't hold, and what a session throws.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * for (const { domain, claim, certificate } of (await leases.domains(cloister, 'my-app')).domains)
 *   console.log(domain, claim, certificate?.keyHash)
 * ```
 */
export async function domains(cloister: Cloister, key: string): Promise<LeaseDomains> {
  const record = await findLease(cloister, key)
  const report = await sessionOf(cloister, record).worker.domains(record.lease)
  const { chainId, contracts } = cloister.network
  const keys = Object.fromEntries(
    report.domains.flatMap(({ domain, certificate }) => (certificate ? [[domain, certificate.keyHash]] : [])),
  )
  const hash = domainKeysDigest(
    { lease: report.lease, keys, instant: report.instant },
    chainId,
    contracts.market,
  )
  const signer = await recoverAddress({ hash, signature: report.signature }).catch(() => undefined)
  if (report.lease !== record.lease || !signer || !isAddressEqual(signer, record.worker))
    throw new CloisterError('bad-answer', 'What the worker says of the domains is not signed by its key.')
  const names = report.domains.map(({ domain }) => domain)
  return { ...report, records: domainRecords(cloister, record, names, report) }
}

/**
 * The DNS records that lead domains to a lease: whose they are, where they are, and, where an authority is
 * known, that no other account may have certificates for them (RFC 8659, RFC 8657). A lease that was opened
 * with a name is named by it, so that the records hold for the one after it, too.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const lease = await leases.findLease(cloister, 'my-app')
 * console.log(leases.domainRecords(cloister, lease, ['app.example.org']))
 * ```
 */
export function domainRecords(
  { network }: Pick<Cloister, 'network'>,
  { lease, tenant, wishedName }: Pick<LeaseRecord, 'lease' | 'tenant' | 'wishedName'>,
  domains: readonly string[],
  { account, authority }: Pick<DomainsReport, 'account' | 'authority'> = {},
): DomainRecord[] {
  const gateway = gatewayDomain(network.gatewayUrl)
  const claim = writeDomainClaim(wishedName === undefined ? { lease } : { tenant, name: wishedName })
  return domains.flatMap((domain): DomainRecord[] => [
    { domain, type: 'TXT', name: claimNameOf(domain), value: claim, purpose: 'says that it is yours' },
    {
      domain,
      type: 'CNAME',
      name: domain,
      value: `${wishedName ?? shortId(lease)}.${gateway}`,
      purpose: 'leads there; at the top of a zone, ALIAS, or A and AAAA with the addresses of the gateway',
    },
    ...(account !== undefined && authority !== undefined
      ? [
          {
            domain,
            type: 'CAA' as const,
            name: domain.replace(/^\*\./, ''),
            value: `0 ${domain.startsWith('*.') ? 'issuewild' : 'issue'} "${authority}; accounturi=${account}"`,
            purpose: 'if you like: nobody else gets a certificate for it',
          },
        ]
      : []),
  ])
}
