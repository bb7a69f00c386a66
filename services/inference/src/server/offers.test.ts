import { afterAll, beforeAll, expect, it } from 'vitest'
import { type MoneyStage, startMoneyStage } from '../testing/money-stage.ts'
import { Offers } from './offers.ts'
import { Store } from './store.ts'

const MINUTE = 60_000
const prices = (each: bigint) => ({ input: each, cached: each, output: each })

let stage: MoneyStage
beforeAll(async () => {
  stage = await startMoneyStage()
}, 60_000)
afterAll(() => stage.stop())

it('a dearer offer is told at once, and charged by once nobody believes the one before', async () => {
  const store = new Store()
  let now = 0
  const open = () =>
    new Offers(
      stage.reader,
      stage.lease,
      store,
      () => {},
      () => now,
    )
  let offers = open()
  const seen = async () => {
    now += MINUTE
    // The first look is under way while what is known serves.
    await offers.current()
    await expect.poll(() => Reflect.get(offers, 'looking')).toBe(undefined)
    return [offers.latest?.id, (await offers.current())?.id]
  }
  const cheap = await stage.offer(prices(1n))
  expect(await seen()).toEqual([cheap, cheap])
  const dear = await stage.offer(prices(1_000n))
  expect(await seen()).toEqual([dear, cheap])
  // A door that is started again hasn't forgotten.
  offers = open()
  expect(await seen()).toEqual([dear, cheap])
  // Another one that isn't dearer than what is charged counts at once.
  const cheaper = await stage.offer(prices(0n))
  expect(await seen()).toEqual([cheaper, cheaper])
  const again = await stage.offer(prices(500n))
  expect(await seen()).toEqual([again, cheaper])
  now += 8 * MINUTE
  expect(await seen()).toEqual([again, cheaper])
  expect(await seen()).toEqual([again, again])
  store.close()
}, 60_000)
