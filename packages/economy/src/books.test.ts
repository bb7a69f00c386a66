import type { Address } from 'viem'
import { expect, test } from 'vitest'
import { StakeBooks, type StakeEvent } from './books.ts'
import { emittedForStake } from './schedule.ts'
import { toShares } from './shares.ts'

const CLOI = 10n ** 18n
const PROVIDER: Address = `0x${'11'.repeat(20)}`
const ACCOUNT: Address = `0x${'22'.repeat(20)}`
const HOUR = 3_600

/** An event as the contracts write it; the books look at nothing but its name, arguments and time. */
function event(time: number, eventName: string, args: object): StakeEvent {
  return { time, eventName, args } as unknown as StakeEvent
}

/** One delegation that earns for an hour, and is claimed for `more` base units than it earned. */
function claimed(more: bigint): StakeBooks {
  const books = new StakeBooks(0)
  const amount = 100n * CLOI
  const shares = toShares(amount, 0n, 0n)
  const delegation = { provider: PROVIDER, account: ACCOUNT, amount, shares }
  // The contract rounds down, by less than a unit a step.
  const stakeReward = emittedForStake(HOUR) - 1n
  const reward = { stakeReward, commission: 0n, gpuReward: 0n, providerPart: 0n }
  // What the contract's own division leaves over stays with the pool.
  const paid = (shares * ((stakeReward * 10n ** 27n) / shares)) / 10n ** 27n
  books.take([
    event(0, 'Delegated', delegation),
    event(HOUR, 'PoolRewarded', { provider: PROVIDER, ...reward }),
    event(HOUR, 'RewardClaimed', { provider: PROVIDER, account: ACCOUNT, amount: paid + more }),
  ])
  return books
}

test('the books agree with a claim of what a delegation earned', () => {
  expect([...claimed(0n).checks.values()].map(({ what, wrong }) => [what, wrong])).toEqual([
    ['stake rewards', []],
    ['claims', []],
  ])
})

test('the books name a claim that is a unit too much', () => {
  const [wrong = ''] = claimed(1n).checks.get('claims')?.wrong ?? []
  expect(wrong).toMatch(/^claim of 0x22.* the chain has \d+, its events make \d+$/)
})

test('an exit that ends and never began is no answer of a chain', () => {
  const books = new StakeBooks(0)
  const ended = event(1, 'ExitWithdrawn', { id: 1n, amount: 1n })
  expect(() => books.take([ended])).toThrow(expect.objectContaining({ code: 'bad-answer' }))
})
