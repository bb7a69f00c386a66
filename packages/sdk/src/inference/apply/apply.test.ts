import { getLease, getOffer, getOfferOf, isSending, openLease } from '@cloister/chain'
import { CloisterError, hashManifest } from '@cloister/core'
import { inferenceManifest } from '@cloister/inference/protocol'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Cloister } from '../../cloister.ts'
import { leases, models } from '../../index.ts'
import { optionsOf } from '../testing/endpoint.ts'
import { type MarketWorker, type ModelMarket, startModelMarket } from '../testing/market.ts'
import { bidsFor, type EndpointStep } from './plan.ts'
import type { WantedEndpoint } from './wanted.ts'

let market: ModelMarket
let cloister: Cloister
let own: MarketWorker
let other: MarketWorker
let foreign: MarketWorker

beforeAll(async () => {
  market = await startModelMarket()
  cloister = market.cloister
  own = await market.worker('own', 20n)
  other = await market.worker('other', 30n)
  // Cheaper than theirs, and called as one of them.
  foreign = await market.worker('own', 10n, market.stranger)
}, 120_000)
afterAll(() => market?.stop())
// Each test begins where nothing runs.
afterEach(async () => {
  await models.apply(cloister, await models.plan(cloister, [], { prune: true }))
  for (const { lease } of await market.open()) await closeOf(lease)
}, 60_000)

const closeOf = async (lease: Hex) => {
  await leases.close(cloister, lease)
}

const PRICE = { token: 'USDC', input: 100_000n, cached: 50_000n, output: 400_000n }
const wantedOf = (changes: Partial<WantedEndpoint> = {}): WantedEndpoint => ({
  name: 'tiny',
  options: optionsOf(),
  offer: PRICE,
  pay: 'USDC',
  aheadSeconds: 1_000,
  worker: 'own',
  ...changes,
})
const stepsOf = async (...wanted: WantedEndpoint[]): Promise<EndpointStep['do'][]> => {
  const { endpoints } = await models.plan(cloister, wanted)
  return endpoints.flatMap(({ steps }) => steps.map((step) => step.do))
}
const applied = async (wanted: WantedEndpoint[], prune = false) => {
  const done = await models.apply(cloister, await models.plan(cloister, wanted, { prune }))
  for (const { error } of done) if (error) throw error
  return done
}
const theOnly = async () => {
  const open = await market.open()
  expect(open).toHaveLength(1)
  return open[0] as (typeof open)[number]
}
const offerOf = async (lease: Hex) => {
  const id = await getOfferOf(cloister.chain, lease)
  return id && (await getOffer(cloister.chain, id))
}

describe('models.apply', () => {
  it('leases what is missing where it shall be, offers it, and does nothing a second time', async () => {
    const wanted = wantedOf()
    const { endpoints } = await models.plan(cloister, [wanted])
    expect(endpoints).toMatchObject([
      {
        name: 'tiny',
        found: undefined,
        steps: [
          { do: 'open', bid: { worker: own.account.address, ratePerSecond: 20n, deposit: 20_000n } },
          { do: 'offer', lease: undefined },
        ],
      },
    ])
    expect(await market.open()).toEqual([])
    const [done] = await applied([wanted])
    const { lease, worker } = await theOnly()
    expect(done).toEqual({ name: 'tiny', lease, done: ['open', 'offer'], error: undefined })
    expect(worker).toBe(own.account.address)
    expect(hashManifest(own.running.get(lease) as never)).toBe(
      hashManifest(inferenceManifest(wanted.options)),
    )
    const { token: _, ...price } = PRICE
    expect((await offerOf(lease))?.terms).toMatchObject({ ...price, payee: market.provider.account.address })
    expect(await stepsOf(wanted)).toEqual([])
    expect(await applied([wanted])).toEqual([])
    // Without a worker, the cheapest of the market would do; the one that it is on will, too.
    expect(await stepsOf(wantedOf({ worker: undefined }))).toEqual([])
  }, 60_000)

  it('makes a new offer of another price, and the lease stays', async () => {
    await applied([wantedOf()])
    const { lease } = await theOnly()
    const before = await offerOf(lease)
    const dearer = wantedOf({ offer: { ...PRICE, output: 500_000n } })
    expect(await applied([dearer])).toMatchObject([{ lease, done: ['offer'] }])
    const after = await offerOf(lease)
    expect(after?.terms.output).toBe(500_000n)
    expect(after?.id).not.toBe(before?.id)
    expect(await stepsOf(dearer)).toEqual([])
    // Offered to nobody any more.
    expect(await applied([wantedOf({ offer: undefined })])).toMatchObject([{ lease, done: ['end-offer'] }])
    expect(await offerOf(lease)).toBeUndefined()
    await theOnly()
  }, 60_000)

  it('has a lease run other options, with another size where they take one', async () => {
    await applied([wantedOf()])
    const { lease } = await theOnly()
    const longer = wantedOf({ options: optionsOf({ contextLength: 1_024 }) })
    expect(await applied([longer])).toMatchObject([{ lease, done: ['update', 'offer'] }])
    const { options } = longer
    const hash = hashManifest(inferenceManifest(options))
    expect(await getLease(cloister.chain, lease)).toMatchObject({ manifestHash: hash, ratePerSecond: 20n })
    expect((await models.prices(cloister, 'tiny'))[0]).toMatchObject({ lease, options })
    const engine = { ...optionsOf().engine, memoryMiB: 512 } as never
    const larger = wantedOf({ options: optionsOf({ engine }) })
    own.rate = 25n
    try {
      expect(await applied([larger])).toMatchObject([{ lease, done: ['resize', 'offer'] }])
    } finally {
      own.rate = 20n
    }
    expect(await getLease(cloister.chain, lease)).toMatchObject({ ratePerSecond: 25n })
    expect(await stepsOf(larger)).toEqual([])
  }, 60_000)

  it('serves on another worker first, and then ends what another one served', async () => {
    await applied([wantedOf()])
    const { lease: before } = await theOnly()
    const moved = wantedOf({ worker: other.account.address.toLowerCase() })
    expect(await stepsOf(moved)).toEqual(['open', 'offer', 'end-offer', 'close'])
    await applied([moved])
    const { lease, worker } = await theOnly()
    expect([lease === before, worker]).toEqual([false, other.account.address])
    expect(await offerOf(before)).toBeUndefined()
    expect(await offerOf(lease)).toBeDefined()
    // By its provider's address: any worker of theirs.
    expect(await stepsOf(wantedOf({ worker: market.provider.account.address }))).toEqual([])
  }, 60_000)

  it('takes by a name only a worker of the account’s own, and nobody’s where there is none', async () => {
    const [bid] = (await bidsFor(cloister, wantedOf({ worker: undefined }))).bids
    expect(bid?.worker.worker).toBe(foreign.account.address)
    const named = await bidsFor(cloister, wantedOf())
    expect(named.bids.map(({ worker }) => worker.worker)).toEqual([own.account.address])
    const nowhere = wantedOf({ worker: 'nobody' })
    const { endpoints } = await models.plan(cloister, [nowhere])
    expect(endpoints[0]?.problem).toBeDefined()
    expect((await models.apply(cloister, { endpoints, prune: false }))[0]?.error).toMatchObject({
      code: 'no-bids',
    })
    expect(await market.open()).toEqual([])
  }, 60_000)

  it('pays again once half of what is paid ahead is left', async () => {
    await applied([wantedOf()])
    const { lease } = await theOnly()
    expect(await stepsOf(wantedOf({ aheadSeconds: 1_900 }))).toEqual([])
    const longer = wantedOf({ aheadSeconds: 4_000 })
    expect(await applied([longer])).toMatchObject([{ lease, done: ['top-up'] }])
    const { balance, spent } = await getLease(cloister.chain, lease)
    expect(balance + spent).toBeGreaterThanOrEqual(20n * 4_000n)
    expect(balance + spent).toBeLessThan(20n * 4_100n)
    expect(await stepsOf(longer)).toEqual([])
  }, 60_000)

  it('ends offers of what is wanted no more, and closes their leases only where it may', async () => {
    await applied([wantedOf(), wantedOf({ name: 'second' })])
    expect(await market.open()).toHaveLength(2)
    const [left] = await applied([wantedOf()])
    expect(left).toMatchObject({ name: 'second', done: ['end-offer'] })
    expect(await market.open()).toHaveLength(2)
    expect(await stepsOf(wantedOf())).toEqual([])
    expect(await applied([wantedOf()], true)).toMatchObject([{ name: 'second', done: ['close'] }])
    await theOnly()
  }, 60_000)

  it('leaves leases alone that have another’s name, or none', async () => {
    await bidsFor(cloister, wantedOf())
    const bid = own.lastBid as never
    await openLease(market.provider, bid, 20_000n, 'my-app')
    await bidsFor(cloister, wantedOf())
    await openLease(market.provider, own.lastBid as never, 20_000n)
    expect((await models.plan(cloister, [], { prune: true })).endpoints).toEqual([])
  }, 60_000)

  it.each([1, 2, 3, 4])(
    'goes on where it was killed before step %i, and opens nothing twice',
    async (at) => {
      await applied([wantedOf()])
      const { lease: before } = await theOnly()
      const moved = wantedOf({ worker: 'other' })
      let steps = 0
      const last = { name: '', do: '' }
      const onStep = (name: string, step: string) => {
        if (last.name !== name || last.do !== step) steps++
        Object.assign(last, { name, do: step })
        if (steps === at) throw new CloisterError('cancelled', 'Killed.')
      }
      const [killed] = await models.apply(cloister, await models.plan(cloister, [moved]), { onStep })
      expect(killed?.error).toMatchObject({ code: 'cancelled' })
      expect(killed?.done).toHaveLength(at - 1)
      await applied([moved])
      const { lease, worker } = await theOnly()
      expect(lease).not.toBe(before)
      expect(worker).toBe(other.account.address)
      expect(await offerOf(lease)).toBeDefined()
      expect(await stepsOf(moved)).toEqual([])
    },
    60_000,
  )

  it('hands over to a lease that was opened and given nothing', async () => {
    const wanted = wantedOf()
    await bidsFor(cloister, wanted)
    const { id } = await openLease(market.provider, own.lastBid as never, 20_000n, 'tiny')
    expect(await applied([wanted])).toMatchObject([{ lease: id, done: ['update', 'offer'] }])
    expect(own.running.has(id)).toBe(true)
    await theOnly()
    expect(await stepsOf(wanted)).toEqual([])
  }, 60_000)

  it('waits for a lease that somebody was opening when they were killed, and opens no second', async () => {
    const planned = await models.plan(cloister, [wantedOf()])
    const { client, account } = market.provider
    const ask = (method: string, params: unknown[] = []) =>
      client.request({ method, params } as never) as Promise<unknown>
    const isUnderWay = () => isSending(cloister.chain, account.address)
    await ask('evm_setAutomine', [false])
    const opening = openLease(market.provider, own.lastBid as never, 20_000n, 'tiny')
    while (!(await isUnderWay()));
    let steps = 0
    const work = models.apply(cloister, planned, { onStep: () => void steps++ })
    // Long enough for it to plan and begin, if it didn't wait.
    for (let polls = 0; polls < 400; polls++) await isUnderWay()
    expect(steps).toBe(0)
    await ask('evm_mine')
    await ask('evm_setAutomine', [true])
    const { id } = await opening
    expect(await work).toMatchObject([{ lease: id, done: [], error: { code: 'stale' } }])
    expect((await theOnly()).lease).toBe(id)
    expect(await applied([wantedOf()])).toMatchObject([{ lease: id, done: ['update', 'offer'] }])
  }, 60_000)

  it('does nothing of which more would be done than was planned', async () => {
    await applied([wantedOf()])
    const { lease } = await theOnly()
    const dearer = wantedOf({ offer: { ...PRICE, input: 200_000n } })
    const planned = await models.plan(cloister, [dearer])
    await closeOf(lease)
    const [outcome] = await models.apply(cloister, planned)
    expect(outcome).toMatchObject({ done: [], error: { code: 'stale' } })
    expect(await market.open()).toEqual([])
    // What has become dearer since isn't opened either.
    const opening = await models.plan(cloister, [dearer])
    own.rate = 21n
    try {
      expect((await models.apply(cloister, opening))[0]?.error).toMatchObject({ code: 'no-bids' })
    } finally {
      own.rate = 20n
    }
    expect(await market.open()).toEqual([])
    // What has been done since isn't done again.
    await models.apply(cloister, opening)
    expect(await models.apply(cloister, opening)).toMatchObject([{ done: [], error: undefined }])
    await theOnly()
  }, 60_000)

  it('says of a worker that does not answer that it does not, and opens nothing elsewhere', async () => {
    await applied([wantedOf()])
    own.isAway = true
    try {
      const { endpoints } = await models.plan(cloister, [wantedOf()])
      expect(endpoints).toMatchObject([{ steps: [], problem: 'It is away.' }])
    } finally {
      own.isAway = false
    }
  }, 60_000)

  it('lets nothing that goes wrong with one hold up another', async () => {
    const wanted = [wantedOf({ name: 'first', worker: 'nobody' }), wantedOf({ name: 'second' })]
    const outcome = await models.apply(cloister, await models.plan(cloister, wanted))
    expect(outcome).toMatchObject([
      { name: 'first', error: { code: 'no-bids' } },
      { name: 'second', done: ['open', 'offer'], error: undefined },
    ])
  }, 60_000)

  it.each([
    [[wantedOf({ name: 'No Name' })], 'bad-name'],
    [[wantedOf(), wantedOf()], 'bad-config'],
    [[wantedOf({ aheadSeconds: 0 })], 'bad-config'],
    [[wantedOf({ pay: 'NONE' })], 'unknown-token'],
    [[wantedOf({ offer: { ...PRICE, token: 'NONE' } })], 'unknown-token'],
    [[wantedOf({ options: optionsOf({ tokenHash: `0x${'ab'.repeat(32)}` }) })], 'bad-config'],
    [[wantedOf({ options: { ...optionsOf(), contextLength: 0 } })], 'bad-config'],
  ])('refuses what can’t be, before anything is asked: %#', async (wanted, code) => {
    await expect(models.plan(cloister, wanted)).rejects.toMatchObject({ code })
  })
})
