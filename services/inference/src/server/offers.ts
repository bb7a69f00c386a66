import { type Chain, getOffer, getOfferOf } from '@cloister/chain'
import { messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import type { Offer } from '../protocol/prices.ts'

/** Milliseconds for which an offer is taken for the one that stands. */
const STANDING_MS = 30_000
/** Milliseconds after which it is looked for again where there was none. */
const NONE_MS = 2_000

/** Knows the lease's offer, as the chain has it. Terms never change; which one stands may. */
export class Offers {
  private readonly chain: Chain
  private readonly lease: Hex
  private readonly log: (line: string) => void
  private known: Offer | undefined
  private lookedAt = Number.NEGATIVE_INFINITY
  private looking: Promise<void> | undefined

  constructor(chain: Chain, lease: Hex, log: (line: string) => void) {
    this.chain = chain
    this.lease = lease
    this.log = log
  }

  /** The offer that stood a moment ago, without a look. */
  get latest(): Offer | undefined {
    return this.known
  }

  /** The offer that stands; undefined where none does. Throws what the first look throws. */
  async current(): Promise<Offer | undefined> {
    const age = performance.now() - this.lookedAt
    if (age > (this.known ? STANDING_MS : NONE_MS)) {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined
      })
      // What is known serves while it is looked at again.
      if (this.known) this.looking.catch((error) => this.log(`offer not seen: ${messageOf(error)}`))
      else await this.looking
    }
    return this.known
  }

  private async look(): Promise<void> {
    const id = await getOfferOf(this.chain, this.lease)
    if (id === undefined) this.known = undefined
    else if (id !== this.known?.id) {
      const offer = await getOffer(this.chain, id)
      this.known = offer && { id, ...offer.terms }
    }
    this.lookedAt = performance.now()
  }
}
