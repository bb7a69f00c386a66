import { describe, expect, test } from 'vitest'
import { Economy } from './model.ts'
import { Runs } from './runs.ts'
import {
  EMISSION_TOTAL,
  emitted,
  emittedForStake,
  emittedForTreasury,
  gpuBudgetOf,
  PERIOD_SECONDS,
} from './schedule.ts'

const CLOI = 10n ** 18n

describe('the schedule', () => {
  test('emits a quarter of what is left each period, and never one unit more than there is', () => {
    expect(emitted(PERIOD_SECONDS)).toBe(175_000_000n * CLOI)
    expect(emitted(2 * PERIOD_SECONDS)).toBe(306_250_000n * CLOI)
    expect(emitted(PERIOD_SECONDS / 2)).toBe(87_500_000n * CLOI)
    expect(emitted(-1)).toBe(0n)
    expect(emitted(5_000 * PERIOD_SECONDS)).toBeLessThanOrEqual(EMISSION_TOTAL)
    expect(EMISSION_TOTAL - emitted(5_000 * PERIOD_SECONDS)).toBeLessThan(4n)
  })

  test('has parts that add up at any instant', () => {
    for (const elapsed of [1, 3_599, 3_600, 12_345_678, PERIOD_SECONDS * 7 + 13])
      expect(2n * emittedForStake(elapsed) + emittedForTreasury(elapsed)).toBe(emitted(elapsed))
    let sum = 0n
    for (let epoch = 0; epoch < 4_320; epoch++) sum += gpuBudgetOf(epoch)
    expect(sum).toBe(70_000_000n * CLOI)
  })
})

test('runs are what a list of numbers would be, whatever is added where', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % below
  }
  const runs = new Runs()
  const list = new Array<number>(200).fill(0)
  for (let i = 0; i < 500; i++) {
    const from = random(200)
    const to = from + random(200 - from)
    const delta = random(7) - 3
    runs.add(from, to, delta)
    for (let epoch = from; epoch < to; epoch++) list[epoch] = (list[epoch] ?? 0) + delta
  }
  expect(Array.from({ length: 200 }, (_, epoch) => runs.at(epoch))).toEqual(list)
  const within = new Array<number>(200).fill(0)
  for (const run of runs.within(20, 180)) within.fill(run.value, run.from, run.to)
  expect(within.slice(20, 180)).toEqual(list.slice(20, 180))
})

test('one hour of two pools is what anyone reckons by hand', () => {
  const economy = Economy.deployed({ start: 0, treasury: 'treasury' })
  for (const [worker, provider, gpuClass, gpus] of [
    ['oak', 'alice', 'h100', 3],
    ['elm', 'bob', 'b200', 5],
  ] as const) {
    economy.join(worker, provider)
    economy.delegate(0, provider, provider, 20_000n * CLOI)
    economy.cover(0, worker, 3_600)
    economy.confirmGpus(0, worker, gpuClass, gpus, 3_600)
    economy.syncCollateral(0, worker)
  }
  expect(economy.weights.weightOf('alice', 0)).toBe(30)
  expect(economy.weights.totalOf(0)).toBe(120)
  // 40% of 175,000,000 over 4,320 hours; a quarter of the GPUs', half of the stake's.
  const budget = (175_000_000n * CLOI * 2n) / 5n / 4_320n
  const claimed = economy.claimReward(3_600, 'alice', 'alice')
  const expected = budget / 4n + budget / 2n
  // A share's reward is rounded down to a 10^27th: 20 units for the 2 × 10^28 shares there are.
  expect(expected - claimed).toBeLessThanOrEqual(25n)
  expect(economy.balances.get('alice')).toBe(claimed - 20_000n * CLOI)
})
