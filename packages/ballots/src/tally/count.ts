import type { Address, Hex } from 'viem'
import type { Ballot } from '../ballot.ts'
import { readChoice } from '../messages/choice.ts'
import type { RawChoice } from '../messages/vote.ts'
import { type VotingPower, weigh } from './power.ts'
import { type Tally, tally } from './tally.ts'

/** What counts of a vote: its choice, and what its voter has. */
export interface CastVote {
  id: Hex
  voter: Address
  choice: RawChoice
  power: VotingPower
}

/** A tally, and what each vote weighs in it, by id. */
export interface Count extends Tally {
  weights: Map<Hex, bigint>
}

/** Counts the last votes of voters, each of whose choices was checked before. */
export function countVotes({ kind, choices }: Pick<Ballot, 'kind' | 'choices'>, votes: CastVote[]): Count {
  const weights = weigh(new Map(votes.map(({ voter, power }) => [voter, power])))
  const weighed = votes.map((vote) => ({ ...vote, weight: weights.get(vote.voter) ?? 0n }))
  const counted = weighed.map(({ choice, weight }) => ({
    choice: readChoice(kind, choices.length, choice),
    power: weight,
  }))
  return {
    ...tally(kind, choices.length, counted),
    weights: new Map(weighed.map(({ id, weight }) => [id, weight])),
  }
}
