import { CloisterError } from '@cloister/core'
import type { CheckedBid, Declined } from '../bids.ts'

/** Whom a lease is with. */
export interface Placed {
  worker: string
  provider: string
}

/** How many times what the cheapest asks a bid may cost that is preferred for its provider. */
export const MOST_TIMES = 2n

/**
 * Takes one bid for each replica, the cheapest first: each on a worker of its own, and on providers of their
 * own as far as there are enough that ask no more than twice what the cheapest does that is left. `beside`:
 * where replicas are already. Fewer, where there are no more.
 */
export function spreadOver(
  bids: readonly CheckedBid[],
  count: number,
  beside: readonly Placed[] = [],
): CheckedBid[] {
  const workers = new Set(beside.map(({ worker }) => worker))
  const times = new Map<string, number>()
  const add = ({ worker, provider }: Placed) => {
    workers.add(worker)
    times.set(provider, (times.get(provider) ?? 0) + 1)
  }
  for (const placed of beside) add(placed)
  const chosen: CheckedBid[] = []
  while (chosen.length < count) {
    let best: CheckedBid | undefined
    let most: bigint | undefined
    for (const bid of bids) {
      if (workers.has(bid.worker.worker)) continue
      most ??= bid.bid.ratePerSecond * MOST_TIMES
      if (bid.bid.ratePerSecond > most) break
      const timesOf = (one: CheckedBid) => times.get(one.worker.provider) ?? 0
      if (!best || timesOf(bid) < timesOf(best)) best = bid
    }
    if (!best) break
    chosen.push(best)
    add(best.worker)
  }
  return chosen
}

/** Why there are too few workers for a group: how many are lacking, and what those that don't bid say. */
export function tooFew(parts: {
  wanted: number
  found: number
  /** Replicas that are somewhere already. */
  beside: number
  declined: readonly Declined[]
  why: unknown
}): CloisterError {
  const { wanted, found, beside, declined, why } = parts
  const others = beside > 0 ? ' that have none of it yet' : ''
  const reasons = [...new Set(declined.map(({ reason }) => reason))].slice(0, 3).join(' ')
  return new CloisterError(
    'no-bids',
    `${wanted} replicas need ${wanted} workers${others}, and ${found} can be had.${reasons && ` ${reasons}`}`,
    { hint: { do: 'list-workers' }, details: { declined }, cause: why },
  )
}
