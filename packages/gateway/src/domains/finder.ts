import { type DomainClaim, isDomain, type LeaseRecord } from '@cloister/core'
import type { Resolver } from '../resolve.ts'
import type { Claims } from './claims.ts'

/** What a finder asks. */
export interface FinderParts {
  claims: Claims
  /** Leases by id. */
  leases: Pick<Resolver<LeaseRecord>, 'find'>
  /** The newest open lease that a tenant has opened under a name: `<tenant>/<name>`. */
  named: Pick<Resolver<LeaseRecord>, 'find'>
}

/**
 * Finds the lease that a domain leads to, or one of the group, by what its owner says in DNS: at the domain
 * itself, else at the one above it, whose wildcard it may be of. Which of its ports is meant, and whether its
 * manifest has the domain at all, its worker decides.
 */
export class DomainFinder {
  private readonly parts: FinderParts

  constructor(parts: FinderParts) {
    this.parts = parts
  }

  /** Undefined where there is none. Throws where name servers or the index don't answer. */
  async find(host: string): Promise<LeaseRecord | undefined> {
    if (!isDomain(host)) return undefined
    const above = host.slice(host.indexOf('.') + 1)
    for (const domain of isDomain(above) ? [host, above] : [host]) {
      const found = await this.claimed(await this.parts.claims.of(domain))
      if (found) return found
    }
    return undefined
  }

  /** The newest open lease among those that are claimed. */
  private async claimed(claims: readonly DomainClaim[]): Promise<LeaseRecord | undefined> {
    const { leases, named } = this.parts
    const found = await Promise.all(
      claims.map(async (claim) => {
        if (!('lease' in claim)) return named.find(`${claim.tenant}/${claim.name}`)
        const lease = await leases.find(claim.lease)
        // A record that names one replica means that one, and not its group.
        return lease && { ...lease, replica: undefined }
      }),
    )
    return found
      .filter((lease) => lease !== undefined)
      .filter(({ state }) => state === 'open')
      .sort((one, other) => other.openedAt - one.openedAt)[0]
  }
}
