import { CloisterError, messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import type { VerifiedEndpoint } from './endpoint.ts'

/** Milliseconds that an endpoint which failed isn't chosen again. */
const ASIDE_MS = 30_000
/** Milliseconds before the end in which an endpoint is verified again while it still holds. */
const EARLY_MS = 30_000
/** How many endpoints are tried, one after the other. */
const MOST_TRIED = 4

export interface EndpointsParts {
  /** Leases that would do, in the order to try them. Asked anew whenever one is to be chosen. */
  candidates(): Promise<readonly Hex[]>
  /** Verifies one; see `verifyEndpoint`. */
  verify(lease: Hex): Promise<VerifiedEndpoint>
  /** Hears of each that is used from now on. */
  onEndpoint?: ((endpoint: VerifiedEndpoint) => void) | undefined
}

/**
 * The endpoint that a client uses: one of its own choice, verified before anything is sealed to it and again
 * every so often, until it fails. Another one is verified as the first was.
 */
export class Endpoints {
  private readonly parts: EndpointsParts
  private current: Promise<VerifiedEndpoint> | undefined
  private readonly aside = new Map<Hex, number>()

  constructor(parts: EndpointsParts) {
    this.parts = parts
  }

  /** The endpoint. Throws `not-attested` or why else none will do. */
  async get(): Promise<VerifiedEndpoint> {
    const known = this.current
    if (!known) return this.begin(() => this.choose())
    const endpoint = await known
    const left = endpoint.until - Date.now()
    if (left > EARLY_MS) return endpoint
    const renewed = this.begin(() => this.renew(endpoint))
    if (left <= 0) return renewed
    renewed.catch(() => {})
    return endpoint
  }

  /** The same lease, verified anew: it can't open what is sealed to the key it had. */
  async keyChanged(endpoint: VerifiedEndpoint): Promise<VerifiedEndpoint> {
    const known = await this.current?.catch(() => undefined)
    // Somebody else has noticed before.
    if (known && known !== endpoint) return known
    return this.begin(() => this.renew(endpoint))
  }

  /** Takes another one next, if there is another. */
  failed(endpoint: VerifiedEndpoint): void {
    this.aside.set(endpoint.lease, Date.now() + ASIDE_MS)
    this.current = undefined
  }

  private begin(find: () => Promise<VerifiedEndpoint>): Promise<VerifiedEndpoint> {
    const found = find().then((endpoint) => {
      this.parts.onEndpoint?.(endpoint)
      return endpoint
    })
    this.current = found
    found.catch(() => {
      if (this.current === found) this.current = undefined
    })
    return found
  }

  private async renew(endpoint: VerifiedEndpoint): Promise<VerifiedEndpoint> {
    try {
      return await this.parts.verify(endpoint.lease)
    } catch (error) {
      this.aside.set(endpoint.lease, Date.now() + ASIDE_MS)
      return this.choose(error)
    }
  }

  private async choose(before?: unknown): Promise<VerifiedEndpoint> {
    const candidates = await this.parts.candidates()
    const now = Date.now()
    for (const [lease, until] of this.aside) if (until <= now) this.aside.delete(lease)
    // One that failed is better than none.
    const fresh = candidates.filter((lease) => !this.aside.has(lease))
    const order = fresh.length > 0 ? fresh : before === undefined ? candidates : []
    const problems: unknown[] = before === undefined ? [] : [before]
    for (const lease of order.slice(0, MOST_TRIED)) {
      try {
        return await this.parts.verify(lease)
      } catch (error) {
        problems.push(error)
        this.aside.set(lease, now + ASIDE_MS)
      }
    }
    throw refusal(problems)
  }
}

/** Why no endpoint will do: the only reason as it is, several of them in one. */
function refusal(problems: unknown[]): unknown {
  const [first, ...others] = problems
  if (first === undefined)
    return new CloisterError('not-found', 'No endpoint serves that model under these conditions.', {
      hint: 'See what there is and what it costs, or say another model, price or token.',
    })
  if (others.length === 0) return first
  const said = [...new Set(problems.map(messageOf))].slice(0, 4).join(' ')
  return new CloisterError('not-attested', `None of ${problems.length} endpoints will do: ${said}`, {
    hint: 'Nothing was sent.',
    cause: first,
  })
}
