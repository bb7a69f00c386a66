import type { TokenPrices } from '@cloister/core'
import type { Address, Hex } from 'viem'

/** What is compared of an offer. */
export interface Priced extends TokenPrices {
  lease: Hex
  token: Address
}

export interface PriceLimits {
  /** Base units of the token for a million tokens of prompt, and of answer, at most. */
  input?: bigint | undefined
  output?: bigint | undefined
}

/** Prompts are longer than answers, by about that much. */
const INPUT_SHARE = 3n
/** Offers that cost so much more than the cheapest do as well, in hundredths. */
const NEAR = 110n

/**
 * Leases in the order to try them: those about as cheap as the cheapest first, in an order that nobody can
 * foretell, so that whoever lists offers can't steer one user to one worker; then the others by price.
 */
export function inOrder(offers: readonly Priced[], { input, output }: PriceLimits = {}): Hex[] {
  const within = offers.filter(
    (offer) =>
      (input === undefined || offer.input <= input) && (output === undefined || offer.output <= output),
  )
  const cheapest = within.reduce<bigint | undefined>(
    (least, offer) => (least === undefined || costOf(offer) < least ? costOf(offer) : least),
    undefined,
  )
  if (cheapest === undefined) return []
  const near = within.filter((offer) => costOf(offer) * 100n <= cheapest * NEAR)
  const others = within.filter((offer) => !near.includes(offer))
  return [...shuffled(near), ...others.sort((one, other) => (costOf(one) < costOf(other) ? -1 : 1))].map(
    ({ lease }) => lease,
  )
}

function costOf({ input, output }: Priced): bigint {
  return INPUT_SHARE * input + output
}

/** Fisher and Yates' shuffle, by random numbers that nobody else has. */
function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const at = below(last + 1)
    const item = order[last] as T
    order[last] = order[at] as T
    order[at] = item
  }
  return order
}

/** A random number below `count`, each as likely as the others. */
function below(count: number): number {
  const whole = 2 ** 32 - (2 ** 32 % count)
  for (;;) {
    const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1))
    if (drawn < whole) return drawn % count
  }
}
