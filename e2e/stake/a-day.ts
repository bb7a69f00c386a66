import { expect, test } from 'vitest'
import {
  back,
  claim,
  claimAsAgent,
  collect,
  leave,
  move,
  put,
  setCommission,
  slashFirst,
  stay,
} from './acts.ts'
import { baselineOf, compare, compareHours, compareSupply } from './compare.ts'
import { renew } from './gpu-workers.ts'
import { type Ground, STAKERS } from './ground.ts'

const HOURS = 24

/**
 * Three providers with GPUs, five delegators, a day: what is done goes to the chain and to the model, and
 * everybody's balance has to be what the model says, to the unit.
 */
export function dayTests(raised: () => Ground): void {
  test('a day of hours, with a lapse, a slash and delegators in and out, are as the model predicts', async () => {
    const ground = raised()
    const { economy, workers } = ground
    await tellWhatHappened(ground)
    const baseline = await baselineOf(ground)
    // The first hour that begins after everything stands.
    await renew(ground, workers)
    for (const worker of workers) await back(ground, worker)
    const first = economy.weights.epochAt(await ground.now()) + 1
    let exitOfFive = 0n
    let exitOfSeven = 0n
    /** What happens in which hour. */
    const script: Record<number, () => Promise<unknown>> = {
      1: () => put(ground, 4, 1, 500),
      2: async () => {
        await put(ground, 5, 2, 400)
        await put(ground, 6, 3, 300)
      },
      3: () => put(ground, 7, 1, 800),
      4: () => put(ground, 8, 2, 100),
      5: async () => {
        exitOfFive = await leave(ground, 5, 2, 150)
      },
      6: () => setCommission(ground, 1),
      7: async () => {
        exitOfSeven = await leave(ground, 7, 1)
        await slashFirst(ground)
      },
      9: () => stay(ground, 5, exitOfFive),
      10: () => claim(ground, 4),
      13: () => compare(ground, baseline),
      16: () => move(ground, 6, 3, 2),
      17: () => put(ground, 4, 2, 50),
      19: () => claimAsAgent(ground, 3),
      21: () => claim(ground, 8),
      22: () => claim(ground, 1),
    }
    // Renewed a little earlier in each hour than in the one before, so that nothing lapses however slow the
    // machine is.
    await ground.passTo(economy.start + first * 3_600 - 100)
    await renew(ground, workers)
    for (let hour = 0; hour <= HOURS; hour++) {
      await ground.passTo(economy.start + (first + hour) * 3_600 + 3_300 - hour * 60)
      // The second provider is away for some hours.
      await renew(ground, hour >= 11 && hour <= 15 ? workers.filter((_, index) => index !== 1) : workers)
      await script[hour]?.()
    }
    const full = [...Array(HOURS).keys()].map((hour) => first + hour)
    await compareHours(ground, full)
    // The second was away, the first was short of nothing.
    const weightOf = (account: number, epoch: number) =>
      economy.weights.weightOf(ground.address(account), epoch)
    expect(full.filter((epoch) => weightOf(2, epoch) === 0).length).toBeGreaterThanOrEqual(5)
    expect(full.filter((epoch) => weightOf(3, epoch) > 0).length).toBeGreaterThanOrEqual(HOURS - 1)

    // Three weeks later those who left take what is left, and the treasury its part.
    await ground.passTo((await ground.now()) + 21 * 86_400)
    const withdrawn = await ground.stake(7, 'withdraw')
    expect(withdrawn).toEqual([{ id: String(exitOfSeven), amount: economy.withdraw(exitOfSeven).toString() }])
    for (const account of STAKERS) await claim(ground, account)
    await collect(ground)
    await compare(ground, baseline)
    await compareSupply(ground)
  }, 900_000)
}

/**
 * Tells the model what is on chain: providers backed their own pools when the network began, and when they
 * joined; a worker that was started then has claimed, if that took long.
 */
async function tellWhatHappened(ground: Ground): Promise<void> {
  for (const { args, eventName, time } of await ground.stakeLogs()) {
    if (eventName === 'Delegated') ground.economy.delegate(time, args.provider, args.account, args.amount)
    if (eventName === 'RewardClaimed') ground.economy.claimReward(time, args.provider, args.account)
  }
}
