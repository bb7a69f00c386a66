import type { Address, Hex } from 'viem'
import { isLeaseName } from '../market/names.ts'

/** The DNS label below a domain at which its owner says whose lease it leads to. */
const CLAIM_LABEL = '_cloister'
/** Records that are read at one name. */
const MOST_CLAIMS = 16

/**
 * Whose a domain is, as a TXT record says it: one lease, or whichever open lease of a tenant has a name. A
 * tenant is always in it, so a lease's id or name that is free again gives nobody else the domain.
 */
export type DomainClaim = { lease: Hex } | { tenant: Address; name: string }

/** The name whose TXT records claim a domain; a wildcard's is that of the domain that it is below. */
export function claimNameOf(domain: string): string {
  return `${CLAIM_LABEL}.${domain.replace(/^\*\./, '')}`
}

/** A claim as a TXT record has it. */
export function writeDomainClaim(claim: DomainClaim): string {
  return 'lease' in claim
    ? `v=cloister1; lease=${claim.lease}`
    : `v=cloister1; tenant=${claim.tenant.toLowerCase()}; name=${claim.name}`
}

/** The claims among a name's TXT records; others stay unread. */
export function readDomainClaims(texts: readonly string[]): DomainClaim[] {
  return texts
    .flatMap((text) => {
      const claim = readClaim(text)
      return claim ? [claim] : []
    })
    .slice(0, MOST_CLAIMS)
}

function readClaim(text: string): DomainClaim | undefined {
  if (text.length > 255) return undefined
  const [version, first = '', second] = text
    .trim()
    .replace(/;$/, '')
    .split(/\s*;\s*/)
  if (version !== 'v=cloister1') return undefined
  const lease = /^lease=(0x[0-9a-f]{64})$/i.exec(first)?.[1]
  if (lease && second === undefined) return { lease: lease.toLowerCase() as Hex }
  const tenant = /^tenant=(0x[0-9a-f]{40})$/i.exec(first)?.[1]
  const name = /^name=(.{1,32})$/.exec(second ?? '')?.[1]
  if (!tenant || name === undefined || !isLeaseName(name)) return undefined
  return { tenant: tenant.toLowerCase() as Address, name }
}

/**
 * Whether one of the claims is for a lease. A worker knows by which tenant a lease is, and not under which
 * name: that the tenant's manifest has the domain is what says that this lease is meant.
 */
export function isClaimedFor(
  claims: readonly DomainClaim[],
  { lease, tenant }: { lease: Hex; tenant: Address },
): boolean {
  return claims.some((claim) =>
    'lease' in claim ? claim.lease === lease : claim.tenant === tenant.toLowerCase(),
  )
}
