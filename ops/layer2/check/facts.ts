import { formatEther } from 'viem'

/** Something that has to be so on a chain. */
export interface Fact {
  what: string
  /** How it should be, in words. */
  should: string
  /** Reads how it is. */
  read: () => Promise<unknown>
  holds: (found: never) => boolean
}

/** What is not so. */
export interface Finding {
  what: string
  should: string
  is: string
}

/** Reads all facts at once and says which don't hold; what can't be read doesn't. */
export async function findingsOf(facts: readonly Fact[]): Promise<Finding[]> {
  const found = await Promise.all(
    facts.map(async ({ what, should, read, holds }): Promise<Finding[]> => {
      try {
        const is = await read()
        return holds(is as never) ? [] : [{ what, should, is: written(is) }]
      } catch {
        return [{ what, should, is: 'no answer' }]
      }
    }),
  )
  return found.flat()
}

/** A fact that is exactly one value. */
export function equal(what: string, should: string | number | bigint | boolean, read: Fact['read']): Fact {
  const wanted = String(should).toLowerCase()
  return { what, should: String(should), read, holds: (found) => String(found).toLowerCase() === wanted }
}

/** A fact that is a number of at least or at most so much. */
export function within(
  what: string,
  { least, most, unit = '' }: { least?: number; most?: number; unit?: string },
  read: Fact['read'],
): Fact {
  return {
    what,
    should: [
      ...(least === undefined ? [] : [`at least ${least}${unit}`]),
      ...(most === undefined ? [] : [`at most ${most}${unit}`]),
    ].join(' and '),
    read,
    holds: (found: number | bigint) =>
      Number(found) >= (least ?? Number.NEGATIVE_INFINITY) &&
      Number(found) <= (most ?? Number.POSITIVE_INFINITY),
  }
}

/** A fact that is an amount of ether of at least so much. */
export function funded(what: string, least: bigint, read: () => Promise<bigint>): Fact {
  return {
    what,
    should: `at least ${formatEther(least)} ETH`,
    read,
    holds: (found: bigint) => found >= least,
  }
}

function written(value: unknown): string {
  return (Array.isArray(value) ? value.map(String).join(', ') : String(value)).slice(0, 200)
}
