import { claimNameOf, type DomainClaim, readDomainClaims } from '@cloister/core'

const KNOWN_MS = 30_000
const UNKNOWN_MS = 5_000
/** What was known stays so long while name servers don't answer. */
const STALE_MS = 600_000
const MAX_CACHED = 20_000
/** Names that are asked for at a time; more are told that nobody answers. */
const MAX_ASKING = 256

interface Cached {
  until: number
  claims: DomainClaim[]
}

/** What DNS says of whose domains are, remembered for a moment: a gateway keeps nothing else of domains. */
export class Claims {
  private readonly texts: (name: string) => Promise<string[]>
  private readonly cache = new Map<string, Cached>()
  private readonly asking = new Map<string, Promise<DomainClaim[]>>()

  /** `texts` gives the TXT records of a name. */
  constructor(texts: (name: string) => Promise<string[]>) {
    this.texts = texts
  }

  /** The claims at a domain. Throws where nobody answers and nothing is remembered. */
  async of(domain: string): Promise<DomainClaim[]> {
    const cached = this.cache.get(domain)
    const now = Date.now()
    if (cached && cached.until > now) return cached.claims
    let asked = this.asking.get(domain)
    if (!asked) {
      if (this.asking.size >= MAX_ASKING) throw new Error('too many names are asked for')
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

  private async ask(domain: string): Promise<DomainClaim[]> {
    const claims = readDomainClaims(await this.texts(claimNameOf(domain)))
    if (this.cache.size >= MAX_CACHED) this.cache.delete(this.cache.keys().next().value as string)
    this.cache.delete(domain)
    this.cache.set(domain, { claims, until: Date.now() + (claims.length > 0 ? KNOWN_MS : UNKNOWN_MS) })
    return claims
  }
}
