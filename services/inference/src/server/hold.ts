import { priceOf } from '@cloister/core'
import type { Hex } from 'viem'
import type { Offer } from '../protocol/prices.ts'
import type { Hold } from './cashier.ts'
import { smaller } from './smaller.ts'

/** A hold of `most` on an account that has it reserved already; releasing it frees that. */
export function holdOf(
  account: { id: Hex; reserved: bigint },
  offer: Offer,
  most: bigint,
  payer: string,
  headers: Hold['headers'] = () => ({}),
): Hold {
  let isHeld = true
  return {
    payer,
    offer: offer.id,
    channel: account.id,
    price({ input, cached, output }) {
      // An engine that gave more than it was asked for gave it away.
      return smaller(
        priceOf({ input: BigInt(input), cached: BigInt(cached), output: BigInt(output) }, offer),
        most,
      )
    },
    headers,
    release() {
      if (isHeld) account.reserved -= most
      isHeld = false
    },
  }
}
