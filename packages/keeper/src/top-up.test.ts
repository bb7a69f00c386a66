import { describe, expect, it } from 'vitest'
import { LEASE, statusOf, TENANT, TOKEN } from './testing.ts'
import { planTopUp, settlePayments } from './top-up.ts'

const NOW = Date.UTC(2026, 10, 26)
const HOUR_MS = 3_600_000
const rules = (mostPerDay: bigint) => ({
  tenant: TENANT,
  belowSeconds: 3600,
  toSeconds: 86_400,
  mostPerDay: () => mostPerDay,
})
const payment = (changes: object = {}) => ({
  lease: LEASE,
  token: TOKEN,
  amount: '500000',
  paidIn: '1000000',
  at: NOW - HOUR_MS,
  done: true,
  ...changes,
})

describe('what is paid into a lease', () => {
  it('is nothing while there is enough', () => {
    expect(planTopUp(statusOf(), rules(10n ** 9n), [], NOW)).toEqual({ amount: 0n, why: 'enough' })
  })

  it('is what makes it last as long as wished', () => {
    const plan = planTopUp(statusOf({ secondsLeft: 3000 }), rules(10n ** 9n), [], NOW)
    expect(plan).toEqual({ amount: (86_400n - 3000n) * 10n })
  })

  it('is what the limit of the day leaves, whichever lease got the rest', () => {
    const other = payment({ lease: `0x${'2e'.repeat(32)}` })
    const plan = planTopUp(statusOf({ secondsLeft: 0 }), rules(600_000n), [other], NOW)
    expect(plan).toEqual({ amount: 100_000n })
  })

  it('counts nothing that is older than a day, or of another token', () => {
    const old = payment({ at: NOW - 25 * HOUR_MS })
    const other = payment({ token: `0x${'71'.repeat(20)}` })
    const plan = planTopUp(statusOf({ secondsLeft: 0 }), rules(600_000n), [old, other], NOW)
    expect(plan).toEqual({ amount: 600_000n })
  })

  it('is nothing once the limit is used up, or leaves less than ten minutes', () => {
    const plan = planTopUp(statusOf({ secondsLeft: 0 }), rules(505_000n), [payment()], NOW)
    expect(plan).toEqual({ amount: 0n, why: 'limit' })
  })

  it('waits for a payment that may be on its way, and counts one that never came', () => {
    const sent = payment({ done: false, at: NOW - 60_000 })
    expect(planTopUp(statusOf({ secondsLeft: 0 }), rules(10n ** 9n), [sent], NOW)).toEqual({
      amount: 0n,
      why: 'under-way',
    })
    const lost = payment({ done: false })
    expect(planTopUp(statusOf({ secondsLeft: 0 }), rules(600_000n), [lost], NOW)).toEqual({
      amount: 100_000n,
    })
  })
})

describe('payments that are written down', () => {
  it('are done once the chain has them', () => {
    const sent = payment({ done: false })
    expect(settlePayments([sent], [statusOf({ deposit: 1_499_999n })], NOW)).toEqual([sent])
    expect(settlePayments([sent], [statusOf({ deposit: 1_500_000n })], NOW)).toEqual([
      { ...sent, done: true },
    ])
  })

  it('are forgotten after a day', () => {
    expect(settlePayments([payment({ at: NOW - 25 * HOUR_MS })], [], NOW)).toEqual([])
  })
})
