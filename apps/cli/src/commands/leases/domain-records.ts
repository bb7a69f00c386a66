import { domainsOf, type Manifest } from '@cloister/core'
import { type Cloister, type DomainRecord, leases, walletOf } from '@cloister/sdk'
import { printable, say, table } from '@cloister/terminal'
import type { Hex } from 'viem'

/** DNS records as a table. */
export function recordTable(records: readonly DomainRecord[]): string {
  return table(
    ['type', 'name', 'value', 'which'],
    records.map(({ type, name, value, purpose }) => [type, printable(name), printable(value), purpose]),
  )
}

/**
 * Says which DNS records lead the domains of a file to a lease, or to the group that it was opened in. False
 * where the file has no domains.
 */
export function sayRecords(
  cloister: Cloister,
  manifest: Manifest,
  opened: { lease: Hex; wishedName: string | undefined },
): boolean {
  const names = domainsOf(manifest).map(({ domain }) => domain)
  if (names.length === 0) return false
  const record = { ...opened, tenant: walletOf(cloister).account.address }
  say('')
  say('Make these DNS records; certificates come by themselves then:')
  say(recordTable(leases.domainRecords(cloister, record, names)))
  return true
}
