import { claimNameOf, type DomainClaim, readDomainClaims } from '@cloister/core'

const KNOWN_MS = 30_000
const UNKNOWN_MS = 5_000
/** What was known stays so long while name servers don't answer. */
const STALE_MS = 600_000
/** Of those with claims, and of those without, which anybody can ask for. */
const MAX_CACHED = 20_000
/**
 * Names that are asked for at a time of which nothing is known: of all, and of those with the same last two
 * labels, whose servers may be slow. More are told that nobody answers.
 */
const MAX_ASKING = { all: 256, related: 16 }

interface Cached {
  until: number
  claims: DomainClaim[]
}

/** What DNS says of whose domains are, remembered for a moment: a gateway keeps nothing else of domains. */
export class Claims {
  private readonly texts: (name: string) => Promise<string[]>
  private readonly claimed = new Map<string, Cached>()
  private readonly unclaimed = new Map<string, Cached>()
  private readonly asking = new Map<string, Promise<DomainClaim[]>>()

  /** `texts` gives the TXT records of a name. */
  constructor(texts: (name: string) => Promise<string[]>) {
    this.texts = texts
  }

  /** The claims at a domain. Throws where nobody answers and nothing is remembered. */
  async of(domain: string): Promise<DomainClaim[]> {
    const cached = this.claimed.get(domain) ?? this.unclaimed.get(domain)
    const now = Date.now()
    if (cached && cached.until > now) return cached.claims
    let asked = this.asking.get(domain)
    if (!asked) {
      if (!this.claimed.has(domain) && !this.hasRoom(domain)) throw new Error('too many names are asked for')
      asked = this.ask(domain).finally(() => this.asking.delete(domain))
      this.asking.set(domain, asked)
    }
    try {
      return await asked
    } catch (error) {
      if (cached && cached.claims.length > 0 && now - cached.until < STALE_MS) return cached.claims
      throw error
    }
  }

  private hasRoom(domain: string): boolean {
    if (this.asking.size >= MAX_ASKING.all) return false
    const related = relationOf(domain)
    return (
      [...this.asking.keys()].filter((other) => relationOf(other) === related).length < MAX_ASKING.related
    )
  }

  private async ask(domain: string): Promise<DomainClaim[]> {
    const claims = readDomainClaims(await this.texts(claimNameOf(domain)))
    this.claimed.delete(domain)
    this.unclaimed.delete(domain)
    const [cache, ms] = claims.length > 0 ? [this.claimed, KNOWN_MS] : [this.unclaimed, UNKNOWN_MS]
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
    cache.set(domain, { claims, until: Date.now() + ms })
    return claims
  }
}

function relationOf(domain: string): string {
  return domain.split('.').slice(-2).join('.')
}
