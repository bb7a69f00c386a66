import { getLease, getResizes, openLease, signResizeBid } from '@cloister/chain'
import {
  diskOnly,
  hashManifest,
  hashOrder,
  type LeaseReport,
  type Manifest,
  type Order,
  type ResizeBid,
} from '@cloister/core'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { pause, pauseBid, resume, resumeBid } from './pause.ts'
import { cloisterOn, manifestOf, recordOf, type Stage, sessionWith, startStage } from './testing.ts'

const MANIFEST = manifestOf()
const KEPT = hashManifest(diskOnly(MANIFEST))

let stage: Stage
let cloister: Cloister
let lease: Hex
let held: boolean
let has: Manifest
let asked: string[]
/** The worker dies once it was asked so. */
let dies: string | undefined
/** What the worker asks for. */
let asks: { kept: bigint; running: bigint; balance: bigint }

beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(() => stage?.stop())

beforeEach(async () => {
  const { bid } = await stage.bid(MANIFEST)
  ;({ id: lease } = await openLease(stage.tenant, bid, 10_000n))
  held = false
  has = MANIFEST
  asked = []
  dies = undefined
  asks = { kept: 2n, running: 10n, balance: 0n }
  const record = recordOf(stage, lease)
  cloister = cloisterOn(stage, { lease: async () => record })
  sessionWith(cloister, record, {
    // A lease that runs costs 10 a second, and its volumes alone 2.
    resizeBid: async (id: Hex, order: Order) => {
      const isKept = order.manifestHash === KEPT
      const bid: ResizeBid = {
        lease: id,
        number: await getResizes(stage.tenant, id),
        ratePerSecond: isKept ? asks.kept : asks.running,
        minimumBalance: asks.balance,
        expiry: Number((await stage.tenant.client.getBlock()).timestamp) + 600,
        room: isKept ? 0x0001_0001_0001_0000n : 0x0001_0002_0003_0000n,
        manifestHash: order.manifestHash,
        order: hashOrder(order),
      }
      return signResizeBid(stage.chain.network, stage.worker, bid)
    },
    manifest: async () => has,
    hold: async (_: Hex, { held: isHeld }: { held: boolean }) => {
      const what = isHeld ? 'hold' : 'let go'
      asked.push(`${what} at ${(await onChain()).ratePerSecond}`)
      if (dies === what) throw new Error('it died')
      held = isHeld
    },
    lease: async () =>
      ({ state: held ? 'stopped' : 'running', services: [], routes: [] }) as unknown as LeaseReport,
  })
})

const onChain = () => getLease(stage.tenant, lease)

describe('a lease that is paused', () => {
  it('stands still before it is made small, and costs what its volumes do', async () => {
    expect(await pause(cloister, lease)).toMatchObject({ ratePerSecond: 2n, previousRatePerSecond: 10n })
    expect(asked).toEqual(['hold at 10'])
    expect(await onChain()).toMatchObject({ state: 'open', manifestHash: KEPT, ratePerSecond: 2n })
    // Once more it is so already, unless its worker has something else now.
    expect(await pauseBid(cloister, lease)).toMatchObject({ isPaused: true, manifest: MANIFEST })
    const again = await pause(cloister, lease)
    expect(again).toMatchObject({ transaction: undefined, ratePerSecond: 2n, previousRatePerSecond: 2n })
    has = manifestOf('other')
    await expect(pauseBid(cloister, lease)).rejects.toMatchObject({ code: 'bad-answer' })
  })

  it('is large again before it runs', async () => {
    await pause(cloister, lease)
    const resumed = await resume(cloister, lease, await resumeBid(cloister, lease, hashManifest(MANIFEST)))
    expect(resumed).toMatchObject({ ratePerSecond: 10n, previousRatePerSecond: 2n })
    expect(asked).toEqual(['hold at 10', 'let go at 10'])
    expect(await onChain()).toMatchObject({ manifestHash: hashManifest(MANIFEST), ratePerSecond: 10n })
  })

  it('runs what was paused, and nothing else that its worker may have', async () => {
    await pause(cloister, lease)
    has = manifestOf('other')
    await expect(resumeBid(cloister, lease, hashManifest(MANIFEST))).rejects.toThrow('another manifest')
  })

  it('costs no more than before, and has nothing put in that nobody agreed to', async () => {
    asks.kept = 11n
    await expect(pause(cloister, lease)).rejects.toMatchObject({ code: 'bad-bid' })
    // An hour of it and 0.05 are ordinary.
    asks = { kept: 2n, running: 1_000n, balance: 1_000_000n }
    await expect(pause(cloister, lease)).rejects.toMatchObject({ code: 'deposit-unexpected' })
    asks.balance = 0n
    await pause(cloister, lease)
    asks.balance = 10_000_000n
    const offer = await resumeBid(cloister, lease, hashManifest(MANIFEST))
    await expect(resume(cloister, lease, offer)).rejects.toMatchObject({ code: 'deposit-unexpected' })
    expect(asked).toEqual(['hold at 10'])
    expect(await onChain()).toMatchObject({ ratePerSecond: 2n })
    const limit = { maxRatePerSecond: 10n }
    await expect(resumeBid(cloister, lease, hashManifest(MANIFEST), limit)).rejects.toMatchObject({
      code: 'bad-bid',
    })
  })

  it('goes on where it was broken off', async () => {
    dies = 'hold'
    await expect(pause(cloister, lease)).rejects.toThrow('it died')
    expect(await onChain()).toMatchObject({ ratePerSecond: 10n })
    dies = undefined
    await pause(cloister, lease)
    dies = 'let go'
    const offer = () => resumeBid(cloister, lease, hashManifest(MANIFEST))
    await expect(resume(cloister, lease, await offer())).rejects.toThrow('it died')
    dies = undefined
    expect(await resume(cloister, lease, await offer())).toMatchObject({ transaction: undefined })
    expect(held).toBe(false)
  })
})
