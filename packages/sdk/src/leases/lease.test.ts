import { expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { findLease, status } from './lease.ts'

const ONE = `0x${'ab'.repeat(32)}`
const OTHER = `0x${'cd'.repeat(32)}`
/** Ours, of an index that answers every question with the same lease. */
const asking = (lease: string, name?: string) =>
  ({ index: { lease: async () => ({ lease, name }) }, wallet: undefined }) as unknown as Cloister

it('takes no other lease than was asked for from an index', async () => {
  for (const key of [ONE, ONE.slice(2), ONE.slice(2, 18), ONE.toUpperCase().replace('0X', '0x')])
    expect(await findLease(asking(ONE, 'shop'), key)).toMatchObject({ lease: ONE })
  expect(await findLease(asking(ONE, 'shop'), 'shop')).toMatchObject({ lease: ONE })
  for (const key of [ONE, ONE.slice(2), ONE.slice(2, 18), 'shop'])
    await expect(findLease(asking(OTHER, 'store'), key), key).rejects.toMatchObject({ code: 'bad-answer' })
})

it('says whose an open lease is, and what it costs, as the chain does', async () => {
  const [ours, theirs] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`] as const
  const [usdc, cloi] = [`0x${'33'.repeat(20)}`, `0x${'44'.repeat(20)}`] as const
  const said = {
    lease: ONE,
    tenant: ours,
    worker: ours,
    provider: ours,
    token: cloi,
    ratePerSecond: '999999',
    spent: '0',
    refund: '0',
    deposit: '0',
    openedAt: 1,
    coveredSeconds: 0,
  }
  const onChain = {
    state: 1,
    tenant: theirs,
    worker: theirs,
    tokenIndex: 0,
    ratePerSecond: 10n,
    balance: 1_000n,
    spent: 0n,
    settledSeconds: 0,
    feeBps: 0,
    noticeUntil: 0,
    noticeMinutes: 10,
    room: 0n,
    manifestHash: ONE,
  }
  const answers: Record<string, unknown> = {
    leaseOf: onChain,
    billing: [theirs, 0n, 0n],
    accrued: 0n,
    noticePeriod: 86_400n,
  }
  const cloister = {
    index: { lease: async () => said },
    network: { contracts: {}, tokens: [{ address: usdc, symbol: 'USDC' }], gatewayUrl: 'http://127.0.0.1:1' },
    send: () => Promise.reject(new Error('nobody there')),
    chain: {
      network: { contracts: {} },
      client: {
        readContract: async ({ functionName }: { functionName: string }) => answers[functionName],
        getBlock: async () => ({ timestamp: 2n }),
      },
    },
  } as unknown as Cloister
  expect(await status(cloister, ONE)).toMatchObject({
    tenant: theirs,
    worker: theirs,
    token: usdc,
    symbol: 'USDC',
    ratePerSecond: 10n,
    noticeSeconds: 600,
    interruptible: true,
  })
})
