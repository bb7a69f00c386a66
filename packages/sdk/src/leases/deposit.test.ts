import type { Manifest } from '@cloister/core'
import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import type { Bids, CheckedBid } from './bids.ts'
import { deploy } from './deploy.ts'
import { depositFor, depositProblem, isUnexpected } from './deposit.ts'

const USDC = { symbol: 'USDC', decimals: 6, address: `0x${'11'.repeat(20)}` as const }
/** 0.36 USDC an hour. */
const RATE = 100n
const bidOf = (minimumDeposit: bigint, endpoint = 'http://127.0.0.1:9') =>
  ({
    bid: { ratePerSecond: RATE, minimumDeposit, token: USDC.address },
    worker: { endpoint },
  }) as unknown as CheckedBid
const lasting =
  (seconds: bigint) =>
  ({ bid }: CheckedBid) =>
    bid.ratePerSecond * seconds

it('what lasts as long as was said is put in, or the least that a worker takes where that is more', () => {
  expect(depositFor(bidOf(10_000n), lasting(7_200n))).toBe(720_000n)
  expect(depositFor(bidOf(360_000n), lasting(60n))).toBe(360_000n)
  expect(depositFor(bidOf(360_000n), 5n)).toBe(5n)
})

it('a least deposit is expected up to an hour’s pay and what providers ask for by default, or to what was said', () => {
  expect(isUnexpected(bidOf(410_000n), lasting(60n), USDC)).toBe(false)
  expect(isUnexpected(bidOf(410_001n), lasting(60n), USDC)).toBe(true)
  expect(isUnexpected(bidOf(410_001n), lasting(7_200n), USDC)).toBe(false)
  expect(isUnexpected(bidOf(720_001n), lasting(7_200n), USDC)).toBe(true)
  // A sum that somebody typed is agreed to.
  expect(isUnexpected(bidOf(500_000_000n), 500_000_000n, USDC)).toBe(false)
})

it('what can’t be asked about is refused with the words that agree to it', () => {
  const greedy = bidOf(500_000_000n)
  expect(depositProblem(greedy, lasting(3_600n), USDC, false)).toMatchObject({
    code: 'deposit-unexpected',
    message:
      'The worker opens no lease with less than 500 USDC; an hour of it costs 0.36 USDC. Nobody agreed to put in so much.',
    hint: { do: 'give-deposit', subject: '500' },
  })
  expect(depositProblem(greedy, lasting(3_600n), USDC, true)).toBeUndefined()
  expect(depositProblem(greedy, 500_000_000n, USDC, false)).toBeUndefined()
  expect(depositProblem(greedy, 499_999_999n, USDC, true)).toMatchObject({ code: 'deposit-too-small' })
})

it('no lease is opened for a deposit that nobody agreed to; the next bid is tried', async () => {
  // Whoever gets as far as being asked for evidence has passed: a real network wants TLS for that.
  const client = { readContract: async () => ({ lastBlock: 0n }), getBlock: async () => ({}) }
  const cloister = { network: { development: false }, chain: { client, network: { contracts: {} } } }
  const found = (...bids: CheckedBid[]) =>
    ({ bids, declined: [], token: USDC, order: { resources: { gpus: 0, gpuModels: [] } } }) as unknown as Bids
  const open = (bids: Bids, deposit: bigint | ReturnType<typeof lasting>, agree?: () => Promise<boolean>) =>
    deploy(cloister as unknown as Cloister, {
      manifest: { services: {}, volumes: {} } as unknown as Manifest,
      bids,
      pay: 'USDC',
      deposit,
      agree,
    })
  const greedy = bidOf(500_000_000n, 'http://greedy')
  const passed = (name: string) => ({
    code: 'not-attested',
    message: expect.stringContaining(`http://${name} is reached without TLS`),
  })
  await expect(open(found(greedy), lasting(3_600n))).rejects.toMatchObject({ code: 'deposit-unexpected' })
  await expect(open(found(greedy, bidOf(10_000n, 'http://fair')), lasting(3_600n))).rejects.toMatchObject(
    passed('fair'),
  )
  await expect(open(found(greedy), 500_000_000n)).rejects.toMatchObject(passed('greedy'))
  await expect(open(found(greedy), lasting(3_600n), async () => false)).rejects.toMatchObject(
    passed('greedy'),
  )
})
