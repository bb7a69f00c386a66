import { CloisterError, formatAmount, type Resources } from '@cloister/core'
import { MOST_TIMES } from './groups/choose.ts'
import type { ResizeOffer } from './resize-bid.ts'

/**
 * The most that another size may cost where nobody said what it may, in base units per second: what the lease
 * costs now where it gets no more of anything, else twice what its worker would ask at unchanged prices. With
 * a price for each unit that is at most the rate now times the largest growth of anything. What it had none
 * of has no price yet. `before` is undefined where nobody knows what it had.
 */
export function expectedRate(ratePerSecond: bigint, before: Sizes | undefined, after: Sizes): bigint {
  const sizes = ({ cpuMilli, memoryMiB, diskMiB, gpus }: Sizes) => [cpuMilli, memoryMiB, diskMiB, gpus]
  if (!before) return ratePerSecond * MOST_TIMES
  const had = sizes(before)
  const grown = sizes(after).map((size, index) => [size, had[index] ?? 0] as const)
  if (grown.every(([now, then]) => now <= then)) return ratePerSecond
  let most = ratePerSecond * MOST_TIMES
  for (const [now, then] of grown) {
    if (now <= then || then === 0) continue
    const rate = (ratePerSecond * MOST_TIMES * BigInt(now) + BigInt(then) - 1n) / BigInt(then)
    if (rate > most) most = rate
  }
  return most
}

type Sizes = Pick<Resources, 'cpuMilli' | 'memoryMiB' | 'diskMiB' | 'gpus'>

/** Throws `rate-unexpected` where a bid is above a ceiling that nobody named. */
export function requireExpectedRate({ bid, before, token }: ResizeOffer, ceiling: bigint): void {
  if (bid.ratePerSecond <= ceiling) return
  const hourly = (rate: bigint) => `${formatAmount(rate * 3600n, token.decimals)} ${token.symbol}`
  throw new CloisterError(
    'rate-unexpected',
    `The worker asks for ${hourly(bid.ratePerSecond)} an hour; the lease costs ${hourly(before.ratePerSecond)} now, and nobody agreed to more than ${hourly(ceiling)}.`,
    {
      hint: 'Say the most that it may cost an hour: --max-price.',
      details: { ratePerSecond: bid.ratePerSecond.toString(), ceiling: ceiling.toString() },
    },
  )
}
