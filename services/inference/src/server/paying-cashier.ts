import { CloisterError, priceOf } from '@cloister/core'
import { isApiKey } from '../protocol/api-key.ts'
import { NONE } from '../protocol/constants.ts'
import { isFree, type Offer } from '../protocol/prices.ts'
import type { Cashier, Hold } from './cashier.ts'
import { tokenOf } from './free-cashier.ts'
import type { KeyAccounts } from './key-accounts.ts'
import type { Offers } from './offers.ts'
import { PaymentRequired } from './payment-required.ts'
import type { Question } from './question.ts'
import type { X402Accounts } from './x402-accounts.ts'
import { PAYMENT_HEADER } from './x402-wire.ts'

/** Bills by the lease's offer. */
export class PayingCashier implements Cashier {
  private readonly offers: Offers
  private readonly keys: KeyAccounts
  private readonly x402: X402Accounts | undefined

  /** `x402`: takes payments of x402's clients, where the chain has its contract. */
  constructor(offers: Offers, keys: KeyAccounts, x402: X402Accounts | undefined) {
    this.offers = offers
    this.keys = keys
    this.x402 = x402
  }

  async admit(question: Question, most: { input: number; output: number }): Promise<Hold> {
    const offer = await this.offers.current()
    if (!offer)
      throw new CloisterError('not-open', 'The model is not offered now.', {
        hint: 'Its tenant offers it, at prices per million tokens: `Vouchers.offer`.',
      })
    if (isFree(offer)) return freeHold(offer)
    const highest = priceOf({ input: BigInt(most.input), cached: 0n, output: BigInt(most.output) }, offer)
    const payment = question.headers[PAYMENT_HEADER]
    if (payment !== undefined && this.x402) return this.x402.hold(payment, offer, highest, question.path)
    const token = tokenOf(question)
    if (token !== undefined && isApiKey(token)) return this.keys.hold(token, offer, highest)
    // Clients of x402's own send what they must as a key, and pay by their header.
    if (this.x402) throw await this.x402.required(offer, highest, question.path)
    if (token !== undefined)
      throw new CloisterError(
        'unauthorized',
        'The API key is none of this network’s: they begin with sk-clo-.',
      )
    throw new PaymentRequired('The model is paid by the token.')
  }
}

function freeHold(offer: Offer): Hold {
  return {
    payer: '',
    offer: offer.id,
    channel: NONE,
    price: () => 0n,
    headers: () => ({}),
    release: () => {},
  }
}
