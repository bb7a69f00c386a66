import { type Chain, encodeTakeAuthorized } from '@cloister/chain'
import { messageOf, priceOf, transferAuthorizationTypedData } from '@cloister/core'
import { type Address, recoverTypedDataAddress } from 'viem'
import { NONE } from '../protocol/constants.ts'
import type { Offer } from '../protocol/prices.ts'
import type { Hold } from './cashier.ts'
import type { Payments } from './payments.ts'
import { smaller } from './smaller.ts'
import { type ExactPayment, encodeHeader, REASONS, RESPONSE_HEADER } from './x402-wire.ts'

/** Seconds that an authorization has to hold yet, so that it gets on chain. */
const SPARE_SECONDS = 6

/** What a request of x402's scheme `exact` is paid by, and what it may cost. */
export interface ExactTerms {
  offer: Offer
  most: bigint
  payTo: Address
  /** What the token says of itself (`eip712Domain`). */
  token: { name: string; version: string }
}

/**
 * Has somebody without a deposit pay for one request (x402 version 2, scheme `exact`): the token sends what
 * the answer can cost at most before it begins, by one transaction of the worker's.
 */
export class X402Exact {
  private readonly chain: Chain
  private readonly payments: Payments
  /** Nonces of authorizations that are on their way. */
  private readonly underWay = new Set<string>()

  constructor(chain: Chain, payments: Payments) {
    this.chain = chain
    this.payments = payments
  }

  /** Takes a payment. Returns why it isn't taken, in x402's words, or what holds the answer's price. */
  async hold(payment: ExactPayment, terms: ExactTerms): Promise<Hold | string> {
    const { offer, most, payTo, token } = terms
    const { authorization, signature } = payment.payload
    const { from, to, nonce } = authorization
    const [value, validAfter, validBefore] = [
      BigInt(authorization.value),
      BigInt(authorization.validAfter),
      BigInt(authorization.validBefore),
    ]
    if (payment.accepted.asset !== offer.token) return REASONS.exactToken
    if (to !== payTo) return REASONS.exactReceiver
    if (value < most) return REASONS.exactValue
    const now = BigInt(Math.floor(Date.now() / 1_000))
    if (validAfter > now || validBefore < now + BigInt(SPARE_SECONDS)) return REASONS.exactTime
    const { chainId } = this.chain.network
    const typed = transferAuthorizationTypedData(
      { from, to, value, validAfter, validBefore, nonce },
      { ...token, chainId, address: offer.token },
    )
    const signer = await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined)
    if (signer !== from) return REASONS.exactSignature
    const name = `${from} ${nonce}`
    if (this.underWay.has(name)) return REASONS.exactUsed
    this.underWay.add(name)
    try {
      const transfer = { from, value, validAfter, validBefore, nonce, signature }
      const data = encodeTakeAuthorized(offer.payee, offer.token, transfer)
      const transaction = await this.payments.send('receivers', data)
      return this.paid(terms, from, value, transaction)
    } catch (error) {
      return `${REASONS.exactUsed}: ${messageOf(error)}`
    } finally {
      this.underWay.delete(name)
    }
  }

  private paid({ offer, most }: ExactTerms, payer: Address, amount: bigint, transaction: string): Hold {
    const network = `eip155:${this.chain.network.chainId}`
    const settled = { success: true, transaction, network, payer, amount: String(amount) }
    return {
      payer,
      offer: offer.id,
      channel: NONE,
      price: ({ input, cached, output }) =>
        smaller(
          priceOf({ input: BigInt(input), cached: BigInt(cached), output: BigInt(output) }, offer),
          most,
        ),
      headers: () => ({ [RESPONSE_HEADER]: encodeHeader(settled) }),
      release: () => {},
    }
  }
}
