import { type Endpoint, isNamed, weighedPrice } from './endpoint.ts'
import { NO_WISHES, type Wishes } from './wishes.ts'

/** Prices up to so many times the lowest count as the same. */
const SAME_PRICE = 1.2
/** Of an endpoint's concurrency: it lets as many wait as it answers, and has others told that it is busy. */
const MOST_LOAD = 2

/** What a choice is made by, besides how the endpoints are doing. */
export interface Choice {
  wishes: Wishes
  /** Leases that came to nothing for this request. */
  tried?: ReadonlySet<string>
  /** The lease that had this conversation last. */
  warm?: string | undefined
  /** Counts up, so that those that are alike take turns. */
  turn: number
}

/** Those that a client's wishes allow. */
export function allowed(endpoints: readonly Endpoint[], wishes: Wishes): readonly Endpoint[] {
  if (wishes === NO_WISHES) return endpoints
  const { order, only, ignore, mayFallBack, maxInput, maxOutput, insideOnly, weights } = wishes
  const among = (endpoint: Endpoint, names: readonly string[]) =>
    names.some((name) => isNamed(endpoint, name))
  const isWithin = (limit: number | undefined, price: number | undefined) =>
    limit === undefined || (price !== undefined && price <= limit)
  return endpoints.filter(
    (endpoint) =>
      (only.length === 0 || among(endpoint, only)) &&
      !among(endpoint, ignore) &&
      (mayFallBack || order.length === 0 || among(endpoint, order)) &&
      (!insideOnly || endpoint.isInside) &&
      (weights === undefined || endpoint.weights === weights) &&
      isWithin(maxInput, endpoint.price?.input) &&
      isWithin(maxOutput, endpoint.price?.output),
  )
}

/**
 * The endpoint that a request goes to: among those that take requests the first in the client's order, then
 * the one that had the conversation, then by what the client sorts by; without that one with a free place
 * before one where requests wait, cheap before dear, the least loaded first, in turn. Undefined where all are
 * busy or were tried. One that failed is asked before its time where there is no other.
 */
export function choose(endpoints: readonly Endpoint[], choice: Choice): Endpoint | undefined {
  const { wishes, tried, warm, turn } = choice
  const left = tried ? endpoints.filter(({ lease }) => !tried.has(lease)) : endpoints
  let usable = left.filter((endpoint) => endpoint.standing.state === 'ready' && loadOf(endpoint) < MOST_LOAD)
  if (usable.length === 0) return soonestBack(left)
  if (wishes.order.length > 0) {
    const ranks = usable.map((endpoint) => rankOf(endpoint, wishes.order))
    const best = Math.min(...ranks)
    usable = usable.filter((_, at) => ranks[at] === best)
  }
  if (warm !== undefined) {
    const known = usable.find(({ lease }) => lease === warm)
    if (known && loadOf(known) < 1) return known
  }
  const least = Math.min(...usable.map(weighedPrice))
  let chosen: Endpoint | undefined
  let best: readonly number[] = []
  for (let at = 0; at < usable.length; at++) {
    const endpoint = usable[(at + turn) % usable.length] as Endpoint
    const weights = weightsOf(endpoint, wishes.sort, least)
    if (!chosen || isLess(weights, best)) [chosen, best] = [endpoint, weights]
  }
  return chosen
}

/** Requests under way for each that the engine is given at once. */
function loadOf({ standing, concurrency }: Endpoint): number {
  return standing.underWay / concurrency
}

/** Numbers to compare endpoints by, the first that differs counts. */
function weightsOf(endpoint: Endpoint, sort: Wishes['sort'], leastPrice: number): readonly number[] {
  const load = loadOf(endpoint)
  const price = weighedPrice(endpoint)
  if (sort === 'price') return [price, load]
  if (sort === 'load') return [load, price]
  // One that hasn't answered yet is given the chance.
  if (sort === 'latency') return [endpoint.standing.firstByteMs ?? 0, load]
  return [load < 1 ? 0 : 1, price <= leastPrice * SAME_PRICE ? 0 : price, load]
}

function isLess(one: readonly number[], other: readonly number[]): boolean {
  for (const [at, weight] of one.entries()) {
    if (weight < (other[at] as number)) return true
    if (weight > (other[at] as number)) return false
  }
  return false
}

function rankOf(endpoint: Endpoint, order: readonly string[]): number {
  const at = order.findIndex((name) => isNamed(endpoint, name))
  return at < 0 ? order.length : at
}

/** One that failed, and that is neither busy nor full. */
function soonestBack(endpoints: readonly Endpoint[]): Endpoint | undefined {
  let soonest: Endpoint | undefined
  for (const endpoint of endpoints) {
    if (endpoint.standing.state !== 'away' || loadOf(endpoint) >= MOST_LOAD) continue
    if (!soonest || endpoint.standing.backInMs < soonest.standing.backInMs) soonest = endpoint
  }
  return soonest
}
