import { type Chain, getOffer, getOfferOf } from '@cloister/chain'
import { messageOf } from '@cloister/core'
import type { Hex } from 'viem'
import { isDearer, type Offer } from '../protocol/prices.ts'
import type { Store } from './store.ts'

/** Milliseconds for which an offer is taken for the one that stands. */
const STANDING_MS = 30_000
/** Milliseconds after which it is looked for again where there was none. */
const NONE_MS = 2_000
/**
 * Milliseconds for which answers are still charged by the offer before, where a new one is dearer: as long as
 * clients believe the one that they verified.
 */
const NOTICE_MS = 600_000

/**
 * Knows the lease's offer, as the chain has it. Terms never change; which one stands may. Whoever asked at
 * one price isn't charged another that was published since: a dearer one counts later.
 */
export class Offers {
  private readonly chain: Chain
  private readonly lease: Hex
  private readonly store: Pick<Store, 'chargedOffer' | 'seeOffer' | 'chargeBy'>
  private readonly log: (line: string) => void
  private readonly now: () => number
  private standing: Offer | undefined
  private charged: Offer | undefined
  private lookedAt = Number.NEGATIVE_INFINITY
  private looking: Promise<void> | undefined

  /** `now`: Unix milliseconds. */
  constructor(
    chain: Chain,
    lease: Hex,
    store: Pick<Store, 'chargedOffer' | 'seeOffer' | 'chargeBy'>,
    log: (line: string) => void,
    now = () => Date.now(),
  ) {
    this.chain = chain
    this.lease = lease
    this.store = store
    this.log = log
    this.now = now
  }

  /** The offer that stood a moment ago, without a look: what whoever asks from now on has to expect. */
  get latest(): Offer | undefined {
    return this.standing
  }

  /** The offer that answers are charged by, if one stands. Throws what the first look throws. */
  async current(): Promise<Offer | undefined> {
    const age = Math.abs(this.now() - this.lookedAt)
    if (age > (this.standing ? STANDING_MS : NONE_MS)) {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined
      })
      // What is known serves while it is looked at again.
      if (this.standing) this.looking.catch((error) => this.log(`offer not seen: ${messageOf(error)}`))
      else await this.looking
    }
    return this.standing && this.charged
  }

  private async look(): Promise<void> {
    const id = await getOfferOf(this.chain, this.lease)
    const before = this.charged ?? (await this.chargedBefore())
    if (id === undefined) this.standing = undefined
    else if (id !== this.standing?.id) this.standing = await this.offerOf(id)
    if (this.standing) this.charge(this.standing, before)
    this.lookedAt = this.now()
  }

  private charge(standing: Offer, before: Offer | undefined): void {
    const since = this.store.seeOffer(standing.id, this.now())
    const isHeldBack = before !== undefined && isDearer(standing, before) && this.now() - since < NOTICE_MS
    this.charged = isHeldBack ? before : standing
    if (this.charged.id !== before?.id) this.store.chargeBy(this.charged.id)
  }

  /** What a door that was started again charged by. */
  private async chargedBefore(): Promise<Offer | undefined> {
    const id = this.store.chargedOffer()
    return id && this.offerOf(id)
  }

  private async offerOf(id: Hex): Promise<Offer | undefined> {
    const offer = await getOffer(this.chain, id)
    return offer && { id, ...offer.terms }
  }
}
