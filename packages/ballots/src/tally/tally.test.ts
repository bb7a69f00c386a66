import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Kind, MOST_CHOICES, readChoice } from '../messages/choice.ts'
import { packChoice, unpackChoice } from '../messages/packed.ts'
import type { RawChoice } from '../messages/vote.ts'
import { snapshot } from '../testing/snapshot.ts'
import { tally } from './tally.ts'

/** A vote as a voter makes it, with little enough power for Snapshot's floating point to be exact. */
interface Made {
  choice: RawChoice
  power: number
}

const power = fc.integer({ min: 1, max: 1_000_000 })
const listOf = (count: number, min: number) =>
  fc.shuffledSubarray(
    Array.from({ length: count }, (_, at) => at + 1),
    { minLength: min },
  )
const choicesOf: Record<Exclude<Kind, 'weighted'>, (count: number) => fc.Arbitrary<RawChoice>> = {
  basic: (count) => fc.integer({ min: 1, max: count }),
  'single-choice': (count) => fc.integer({ min: 1, max: count }),
  approval: (count) => listOf(count, 1),
  'ranked-choice': (count) => listOf(count, count),
}

function ours(kind: Kind, count: number, made: Made[]): number[] {
  const votes = made.map((one) => ({
    choice: readChoice(kind, count, one.choice),
    power: BigInt(one.power),
  }))
  return tally(kind, count, votes).scores.map(Number)
}

function snapshots(kind: Kind, count: number, made: Made[]): number[] {
  const choices = Array.from({ length: count }, (_, at) => `choice ${at + 1}`)
  const votes = made.map((one) => ({ choice: one.choice, balance: one.power, scores: [one.power] }))
  const Voting = snapshot.utils.voting[kind] as unknown as new (
    ...parameters: unknown[]
  ) => { getScores(): number[] }
  return new Voting({ choices }, votes, [{ name: 'power' }], undefined).getScores()
}

describe('the tally', () => {
  for (const kind of ['basic', 'single-choice', 'approval', 'ranked-choice'] as const)
    it(`of ${kind} ballots is Snapshot’s own`, () =>
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: Math.min(MOST_CHOICES[kind], 8) }).chain((count) =>
            fc.tuple(
              fc.constant(count),
              fc.array(fc.record({ choice: choicesOf[kind](count), power }), {
                minLength: 1,
                maxLength: 20,
              }),
            ),
          ),
          ([count, made]) => {
            expect(ours(kind, count, made)).toEqual(snapshots(kind, count, made))
          },
        ),
      ))

  it('of weights rounds each share down, and what is left over counts for none', () => {
    const choice = readChoice('weighted', 3, '{"1":1,"2":1,"3":1}')
    expect(tally('weighted', 3, [{ choice, power: 10n }])).toMatchObject({ scores: [3n, 3n, 3n], total: 10n })
  })

  it('is exact where floating point is not', () => {
    const choice = readChoice('basic', 3, 1)
    const votes = [10n ** 27n + 1n, 2n].map((one) => ({ choice, power: one }))
    expect(tally('basic', 3, votes).scores).toEqual([10n ** 27n + 3n, 0n, 0n])
  })

  it('without votes is zero', () =>
    expect(tally('ranked-choice', 4, [])).toMatchObject({ scores: [0n, 0n, 0n, 0n], total: 0n }))

  it('reads choices out of the words that the contract keeps', () => {
    for (const [kind, count, choice] of [
      ['basic', 3, 3],
      ['approval', 64, [1, 64]],
      ['weighted', 16, '{"1":65535,"16":1}'],
      ['ranked-choice', 4, [3, 1, 4, 2]],
    ] as const) {
      const read = readChoice(kind, count, choice as RawChoice)
      expect(unpackChoice(kind, count, packChoice(read))).toEqual(read)
    }
  })
})
