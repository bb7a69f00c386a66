import { connectChain, type Network, signBid } from '@cloister/chain'
import { CloisterError, hashManifest, hashOrder, type Order, parseManifest } from '@cloister/core'
import { type Address, zeroAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { type BidsParameters, bids } from './bids.ts'
import { noBids } from './deploy.ts'

const USDC: Address = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
const PROVIDER: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const MANIFEST = parseManifest('services:\n  web:\n    image: web\n', { file: 'compose.yaml' }).manifest
const NETWORK = {
  name: 'fake',
  chainId: 31337,
  rpcUrl: 'http://127.0.0.1:1',
  pollingIntervalMs: 100,
  contracts: { market: zeroAddress },
  tokens: [{ symbol: 'USDC', decimals: 6, address: USDC }],
  development: true,
} as unknown as Network

type Change = (order: Order) => object

let cloister: Cloister
let records: object[]
/** How the index was asked for workers. */
let asked: object[]

beforeEach(() => {
  records = []
  asked = []
  const index = {
    workers: async (query: object) => {
      asked.push(query)
      return records
    },
  }
  const client = { ...connectChain(NETWORK).client, readContract: async () => 86_400n }
  const chain = { client, network: NETWORK }
  cloister = { network: NETWORK, chain, index, wallet: undefined } as unknown as Cloister
})

/** A worker of the index's that bids `rate`, but for what `change` makes of its bid before it is signed. */
function worker(rate: bigint, room: object = {}, change: Change = () => ({})) {
  const key = privateKeyToAccount(generatePrivateKey())
  const record = {
    worker: key.address,
    provider: PROVIDER,
    endpoint: `http://127.0.0.1:1/${key.address}`,
    tlsKeyHash: undefined,
    cpuMilli: 4_000,
    memoryMiB: 4_096,
    diskMiB: 100_000,
    gpus: 0,
    gpuClass: '',
    uptime: 1,
    ...room,
  }
  records.push(record)
  const stranger = {
    report: async () => ({ name: 'worker' }),
    bid: async (order: Order) => {
      const terms = {
        tenant: order.tenant,
        worker: key.address,
        token: order.token,
        ratePerSecond: rate,
        minimumDeposit: 0n,
        expiry: Math.floor(Date.now() / 1000) + 120,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: order.manifestHash,
        order: hashOrder(order),
        salt: 1n,
        ...change(order),
      }
      return signBid(NETWORK, key, terms)
    },
  }
  const session = sessionOf(cloister, record as Parameters<typeof sessionOf>[1])
  Object.defineProperty(session, 'stranger', { value: stranger })
  return record
}

const ask = (parameters: Partial<BidsParameters> = {}) =>
  bids(cloister, { manifest: MANIFEST, pay: 'usdc', ...parameters })
const reasons = async (parameters?: Partial<BidsParameters>) =>
  (await ask(parameters)).declined.map(({ reason }) => reason)

describe('bids', () => {
  it('come from covered workers, the cheapest first, and of those the one that was there most', async () => {
    worker(3n)
    worker(2n, { uptime: 0.5 })
    worker(2n, { uptime: 0.9 })
    const found = await ask()
    expect(asked).toEqual([{ covered: true }])
    expect(found.bids.map(({ bid, worker }) => [bid.ratePerSecond, worker.uptime])).toEqual([
      [2n, 0.9],
      [2n, 0.5],
      [3n, 1],
    ])
    expect(found.declined).toEqual([])
    expect(found.bids[0]).toMatchObject({ lease: expect.stringMatching(/^0x[0-9a-f]{64}$/), report: {} })
    expect(found.order.manifestHash).toBe(hashManifest(MANIFEST))
  })

  it('are asked of one provider, or one worker, where that is said', async () => {
    const one = worker(1n)
    worker(2n)
    expect((await ask({ provider: one.worker })).bids).toHaveLength(1)
    expect((await ask({ provider: PROVIDER })).bids).toHaveLength(2)
    expect((await ask({ provider: USDC })).bids).toHaveLength(0)
  })

  it.each([
    ['is for another worker', { worker: PROVIDER }],
    ['is for another order', { tenant: PROVIDER }],
    ['is for another order', { order: `0x${'0'.repeat(64)}` }],
    ['is for another order', { manifestHash: `0x${'0'.repeat(64)}` }],
    ['is in another token', { token: PROVIDER }],
    ['has no price', { ratePerSecond: 0n }],
    ['is above the ceiling', { ratePerSecond: 6n }],
    ['gives 10m of notice; the order asks for 1d', { noticeMinutes: 10 }],
    ['is about to expire', { expiry: Math.floor(Date.now() / 1000) + 10 }],
  ])('that tell a lie are none: one %s', async (what, change) => {
    worker(5n, {}, () => change)
    expect(await reasons({ maxRatePerSecond: 5n })).toEqual([`Its bid ${what}.`])
  })

  it('that somebody else signed are none', async () => {
    const lying = worker(1n)
    const honest = worker(1n)
    const { stranger } = sessionOf(cloister, lying as unknown as Parameters<typeof sessionOf>[1])
    const { bid } = sessionOf(cloister, honest as unknown as Parameters<typeof sessionOf>[1]).stranger
    Object.assign(stranger, {
      bid: async (...words: Parameters<typeof bid>) => ({ ...(await bid(...words)), worker: lying.worker }),
    })
    expect(await reasons()).toEqual(['Its bid is not signed by the worker or its provider.'])
  })

  it('are not asked of workers that are too small', async () => {
    worker(1n, { cpuMilli: 1 })
    worker(1n, { memoryMiB: 1 })
    worker(1n, { diskMiB: 1 })
    expect((await reasons()).sort()).toEqual([
      'It has too few CPUs.',
      'It has too little disk.',
      'It has too little memory.',
    ])
  })

  it('say why a worker makes none, and come in spite of one that doesn’t answer', async () => {
    const away = worker(1n)
    worker(2n)
    const { stranger } = sessionOf(cloister, away as unknown as Parameters<typeof sessionOf>[1])
    Object.assign(stranger, {
      bid: () => Promise.reject(new CloisterError('no-bid', 'It serves nobody today.')),
    })
    const found = await ask()
    expect(found.bids).toHaveLength(1)
    expect(found.declined).toEqual([
      { worker: away.worker, provider: PROVIDER, reason: 'It serves nobody today.' },
    ])
    expect(noBids({ ...found, bids: [] })).toMatchObject({
      code: 'no-bids',
      message: 'None of the 1 workers asked makes a bid: It serves nobody today.',
      details: { declined: found.declined },
    })
  })

  it('are asked in no token that the network doesn’t know', async () => {
    await expect(ask({ pay: 'GOLD' })).rejects.toMatchObject({
      code: 'unknown-token',
      hint: 'Tokens: USDC.',
    })
    expect(asked).toEqual([])
  })
})
