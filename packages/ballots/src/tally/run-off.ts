/** A ranking of all choices, numbers from 1, the best one first. */
export interface Ranking {
  order: readonly number[]
  power: bigint
}

/**
 * Instant run-off as Snapshot's (snapshot.js, src/voting/rankedChoice.ts): the choice that fewest rank first
 * goes, of several the one with the lowest number, until one has more than half or two are left. Returns
 * what each has in the last round; nothing for those that went.
 */
export function runOff(count: number, rankings: readonly Ranking[]): bigint[] {
  const total = rankings.reduce((sum, { power }) => sum + power, 0n)
  const standing = new Set(Array.from({ length: count }, (_, at) => at + 1))
  for (;;) {
    const scores = firstsOf(standing, rankings)
    const most = [...scores.values()].reduce((best, score) => (score > best ? score : best), 0n)
    if (standing.size < 3 || most * 2n > total)
      return Array.from({ length: count }, (_, at) => scores.get(at + 1) ?? 0n)
    const [last] = [...scores].reduce((least, one) => (one[1] < least[1] ? one : least))
    standing.delete(last)
  }
}

/** Power behind each choice that stands still, by number. */
function firstsOf(standing: ReadonlySet<number>, rankings: readonly Ranking[]): Map<number, bigint> {
  const scores = new Map([...standing].map((one) => [one, 0n]))
  for (const { order, power } of rankings) {
    const first = order.find((one) => standing.has(one))
    if (first !== undefined) scores.set(first, (scores.get(first) ?? 0n) + power)
  }
  return scores
}
