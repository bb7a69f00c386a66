import type { Choice, Kind } from '../messages/choice.ts'
import { packChoice } from '../messages/packed.ts'
import { rankingsOf } from './rankings.ts'
import { runOff } from './run-off.ts'

/** A vote as it is counted. */
export interface CountedVote {
  choice: Choice
  /** Base units of CLOI. */
  power: bigint
}

/** What came of a ballot's votes: exact, in base units of CLOI. */
export interface Tally {
  /** What the contract keeps: by choice, from the first; of a ranked ballot by ranking. */
  sums: bigint[]
  /** By choice, from the first; of a ranked ballot what each has in the last round. */
  scores: bigint[]
  /** Power of all who voted. */
  total: bigint
}

/** Counts votes as the contract does, to the unit. `count`: choices of the ballot. */
export function tally(kind: Kind, count: number, votes: readonly CountedVote[]): Tally {
  const rankings = kind === 'ranked-choice' ? rankingsOf(count) : []
  const words = rankings.map((order) => packChoice({ form: 'order', order }))
  const sums = new Array<bigint>(kind === 'ranked-choice' ? rankings.length : count).fill(0n)
  for (const { choice, power } of votes)
    for (const [at, share] of sharesOf(choice, power, words)) sums[at] = (sums[at] ?? 0n) + share
  const total = votes.reduce((sum, { power }) => sum + power, 0n)
  return { sums, scores: scoresOf(kind, count, sums), total }
}

/** What each choice has, by the sums that the contract keeps. */
export function scoresOf(kind: Kind, count: number, sums: readonly bigint[]): bigint[] {
  if (kind !== 'ranked-choice') return [...sums]
  return runOff(
    count,
    rankingsOf(count).map((order, at) => ({ order, power: sums[at] ?? 0n })),
  )
}

/** What a vote adds to sums, by their place from 0. */
function sharesOf(choice: Choice, power: bigint, rankings: bigint[]): [number, bigint][] {
  switch (choice.form) {
    case 'one':
      return [[choice.choice - 1, power]]
    case 'some':
      return choice.choices.map((one) => [one - 1, power])
    case 'weights':
      return divide(choice.weights, power).map((share, at) => [at, share])
    case 'order':
      return [[rankings.indexOf(packChoice(choice)), power]]
  }
}

/** Divides power by weights, rounding each share down; what is left over counts for no choice. */
function divide(weights: readonly number[], power: bigint): bigint[] {
  const all = weights.reduce((sum, weight) => sum + BigInt(weight), 0n)
  return weights.map((weight) => (power * BigInt(weight)) / all)
}
