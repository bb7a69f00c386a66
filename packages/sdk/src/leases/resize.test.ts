import { getLease, getResizes, getTokenBalance, openLease, signResizeBid } from '@cloister/chain'
import {
  CloisterError,
  hashManifest,
  hashOrder,
  type Manifest,
  type Order,
  type ResizeBid,
  type SignedResizeBid,
} from '@cloister/core'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { manifestOf as runningOf } from './manifest.ts'
import { resize } from './resize.ts'
import { resizeBid } from './resize-bid.ts'
import { expectedRate } from './resize-rate.ts'
import { cloisterOn, manifestOf, recordOf, type Stage, sessionWith, startStage } from './testing.ts'

const SMALL = manifestOf()
const LARGE = manifestOf('web\n    mem_limit: 900m')

let stage: Stage
let cloister: Cloister
let lease: Hex
/** What the worker runs, and what is wrong with its next bid. */
let running: Manifest
let wrong: Partial<ResizeBid>
let fails: string | undefined
let refuses: CloisterError | undefined

beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(() => stage?.stop())

beforeEach(async () => {
  const { bid } = await stage.bid(SMALL)
  ;({ id: lease } = await openLease(stage.tenant, bid, 10_000n))
  running = SMALL
  wrong = {}
  fails = refuses = undefined
  const record = recordOf(stage, lease)
  cloister = cloisterOn(stage, { lease: async () => record })
  sessionWith(cloister, record, {
    resizeBid: async (id: Hex, order: Order) => {
      if (refuses) throw refuses
      return signedFor(id, order)
    },
    manifest: async () => running,
    putManifest: vi.fn(async (_: Hex, manifest: Manifest) => {
      if (!fails) running = manifest
    }),
    lease: async () => ({
      manifestHash: hashManifest(running),
      state: 'running',
      services: [],
      ...(fails && { failed: { manifestHash: hashManifest(LARGE), reason: fails } }),
    }),
  })
})

async function signedFor(id: Hex, order: Order): Promise<SignedResizeBid> {
  const bid: ResizeBid = {
    lease: id,
    number: await getResizes(stage.tenant, id),
    ratePerSecond: 30n,
    minimumBalance: 0n,
    expiry: Number((await stage.tenant.client.getBlock()).timestamp) + 600,
    room: 0x0001_0002_0003_0000n,
    manifestHash: order.manifestHash,
    order: hashOrder(order),
    ...wrong,
  }
  return signResizeBid(stage.chain.network, stage.worker, bid)
}

const onChain = () => getLease(stage.tenant, lease)
const money = () => getTokenBalance(stage.tenant, stage.usdc, stage.tenant.account.address)

describe('resize', () => {
  it('takes the worker’s bid with one transaction and hands over what it is for', async () => {
    const before = await money()
    const done = await resize(cloister, lease, LARGE)
    expect(done).toMatchObject({
      ratePerSecond: 30n,
      previousRatePerSecond: 10n,
      manifestHash: hashManifest(LARGE),
      added: 0n,
      handedOver: true,
    })
    expect(running).toEqual(LARGE)
    const { balance, spent, ...now } = await onChain()
    expect(now).toMatchObject({
      ratePerSecond: 30n,
      room: 0x0001_0002_0003_0000n,
      manifestHash: hashManifest(LARGE),
    })
    // Until then it cost what it cost before, by whole seconds.
    expect(balance + spent).toBe(10_000n)
    expect(spent % 10n).toBe(0n)
    expect(await money()).toBe(before)
    // There is nothing to do a second time.
    expect(await resize(cloister, lease, LARGE)).toMatchObject({ transaction: undefined, handedOver: false })
  })

  it('adds what the bid asks for, or what is said, and tells before anything is paid', async () => {
    wrong = { minimumBalance: 20_000n }
    const offer = await resizeBid(cloister, lease, LARGE)
    expect(offer.leastAdded).toBeGreaterThanOrEqual(10_000n)
    // Two minutes at the old price may pass until it is mined.
    expect(offer.leastAdded).toBeLessThanOrEqual(10_000n + 10_000n)
    await expect(resize(cloister, lease, LARGE, { offer, added: 10n })).rejects.toMatchObject({
      code: 'deposit-too-small',
    })
    const before = await money()
    const { added } = await resize(cloister, lease, LARGE, { offer })
    expect(before - (await money())).toBe(added)
    const { balance, spent } = await onChain()
    expect(balance + spent).toBe(10_000n + added)
    expect(balance).toBeGreaterThanOrEqual(20_000n)
  })

  it('puts in no more than is ordinary unless it was said', async () => {
    wrong = { minimumBalance: 10n ** 9n }
    await expect(resize(cloister, lease, LARGE)).rejects.toMatchObject({ code: 'deposit-unexpected' })
    expect(await onChain()).toMatchObject({ ratePerSecond: 10n })
  })

  it('pays no more than the sizes account for unless it was said', async () => {
    // 900 MiB for 512, at twice the price: 35.15 times 10.
    wrong = { ratePerSecond: 37n }
    await expect(resize(cloister, lease, LARGE)).rejects.toMatchObject({
      code: 'rate-unexpected',
      message: expect.stringMatching(/asks for 0\.1332 USDC an hour; the lease costs 0\.036 USDC now/),
      hint: expect.stringContaining('--max-price'),
      details: { ratePerSecond: '37', ceiling: '36' },
    })
    const offer = await resizeBid(cloister, lease, LARGE)
    await expect(resize(cloister, lease, LARGE, { offer })).rejects.toMatchObject({ code: 'rate-unexpected' })
    expect(await getResizes(stage.tenant, lease)).toBe(0n)
    await resize(cloister, lease, LARGE, { offer, maxRatePerSecond: 37n })
    expect(await onChain()).toMatchObject({ ratePerSecond: 37n })
    // Smaller again is no dearer.
    wrong = { ratePerSecond: 38n }
    await expect(resize(cloister, lease, SMALL)).rejects.toMatchObject({ details: { ceiling: '37' } })
  })

  it.each([
    ['is for another lease', { lease: `0x${'ab'.repeat(32)}` }],
    ['is for another order', { order: `0x${'ab'.repeat(32)}` }],
    ['is for another order', { manifestHash: `0x${'ab'.repeat(32)}` }],
    ['has no price', { ratePerSecond: 0n }],
    ['is above the ceiling', { ratePerSecond: 31n }],
    ['is about to expire', { expiry: 1 }],
  ] as const)('takes no bid that %s', async (what, changes) => {
    wrong = changes
    await expect(resize(cloister, lease, LARGE, { maxRatePerSecond: 30n })).rejects.toMatchObject({
      code: 'bad-bid',
      message: `The worker’s bid ${what}.`,
    })
    expect(await getResizes(stage.tenant, lease)).toBe(0n)
  })

  it('takes no bid that somebody else signed', async () => {
    const { worker } = sessionOf(cloister, await cloister.index.lease(lease))
    vi.spyOn(worker, 'resizeBid').mockImplementation(async (id, order) => ({
      ...(await signedFor(id, order)),
      ratePerSecond: 1n,
    }))
    await expect(resize(cloister, lease, LARGE)).rejects.toThrow('is not signed by the worker')
  })

  it('says why the worker has no room, and what would do, and changes nothing', async () => {
    refuses = new CloisterError('no-bid', 'It has 1 GiB of memory free; the order needs 2 GiB.')
    await expect(resize(cloister, lease, LARGE)).rejects.toMatchObject({
      code: 'no-bid',
      message: 'It has 1 GiB of memory free; the order needs 2 GiB.',
      hint: expect.stringContaining('another worker'),
    })
    expect(await onChain()).toMatchObject({ ratePerSecond: 10n, manifestHash: hashManifest(SMALL) })
  })

  it('goes back to the manifest before where the new one does not start, at the new size', async () => {
    fails = 'web-0 does not start: it ended with code 3.'
    await expect(resize(cloister, lease, LARGE)).rejects.toMatchObject({
      code: 'update-failed',
      message: `${fails} The manifest before runs on. The lease keeps its new size and price.`,
    })
    expect(await onChain()).toMatchObject({ ratePerSecond: 30n, manifestHash: hashManifest(SMALL) })
  })
})

it('the most that a size may cost grows with what grows most, and with nothing that was not there', () => {
  const had = { cpuMilli: 500, memoryMiB: 512, diskMiB: 1024, gpus: 0 }
  const most = (changes: object) => expectedRate(100n, had, { ...had, ...changes })
  expect(most({})).toBe(100n)
  expect(most({ cpuMilli: 250 })).toBe(100n)
  expect(most({ cpuMilli: 1000 })).toBe(400n)
  expect(most({ cpuMilli: 1000, memoryMiB: 4096, diskMiB: 512 })).toBe(1600n)
  expect(most({ cpuMilli: 501 })).toBe(201n)
  expect(most({ gpus: 1 })).toBe(200n)
  expect(expectedRate(100n, undefined, { ...had, cpuMilli: 64_000 })).toBe(200n)
})

it('the manifest that runs is believed where it is the one on chain', async () => {
  expect(await runningOf(cloister, lease)).toEqual(SMALL)
  running = LARGE
  await expect(runningOf(cloister, lease)).rejects.toMatchObject({ code: 'bad-answer' })
})
