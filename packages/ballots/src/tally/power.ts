import type { Address } from 'viem'

/** One part of an account's power. Base units of CLOI. */
export interface Part {
  /** Its bit in `parts` of a row that is posted: 0 for liquid CLOI, 1 + i for the account's `i`th pool. */
  bit: number
  /** `pool`: a provider's own pool, with all that others have in it. */
  kind: 'liquid' | 'stake' | 'pool'
  /** Whose pool, of what is staked. */
  provider?: Address
  worth: bigint
}

/** What an account may vote with, at the time at which a ballot fixed it: parts that are worth something. */
export type VotingPower = readonly Part[]

/** What an account can vote with at the most: as a provider, if none of its delegators votes. */
export function mostPower(power: VotingPower): bigint {
  return power.reduce((sum, { worth }) => sum + worth, 0n)
}

/** The bits of all parts, as a row that is posted names them. */
export function bitsOf(power: VotingPower): number {
  return power.reduce((bits, { bit }) => bits + 2 ** bit, 0)
}

/** The parts whose bits are set. */
export function partsWith(power: VotingPower, bits: number): VotingPower {
  return power.filter(({ bit }) => Math.floor(bits / 2 ** bit) % 2 === 1)
}

/**
 * What each voter's vote weighs: a provider votes with its whole pool, except for what delegators cast
 * themselves, in whichever order.
 */
export function weigh(voters: ReadonlyMap<Address, VotingPower>): Map<Address, bigint> {
  const weights = new Map([...voters].map(([voter, power]) => [voter, mostPower(power)]))
  for (const power of voters.values())
    for (const { kind, provider, worth } of power) {
      if (kind !== 'stake' || provider === undefined) continue
      const weight = weights.get(provider)
      const hasPool = voters.get(provider)?.some((part) => part.kind === 'pool')
      if (weight !== undefined && hasPool) weights.set(provider, weight - worth)
    }
  return weights
}
