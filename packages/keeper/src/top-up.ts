import type { LeaseStatus } from '@cloister/sdk'
import type { Address } from 'viem'
import type { Payment } from './state.ts'

const DAY_MS = 24 * 3_600_000
/** A payment that isn't on the chain after so long never gets there. */
const LOST_MS = 10 * 60_000
/** Less than what a lease costs in so many seconds is not worth a transaction. */
const LEAST_SECONDS = 600n

/** When and how much is paid into leases by themselves. */
export interface TopUpRules {
  /** Whose leases are paid for; into another's nothing is paid, whoever says that it is to be watched. */
  tenant: Address
  /** With less than so many seconds left… */
  belowSeconds: number
  /** …a lease gets what lasts so many. */
  toSeconds: number
  /** Base units of a token that all leases get in 24 hours at the most. */
  mostPerDay: (token: string) => bigint
}

/** What comes of a look at a lease's money. */
export type TopUpPlan = { amount: bigint } | { amount: 0n; why: 'enough' | 'foreign' | 'under-way' | 'limit' }

/**
 * What to pay into a lease now, base units of its token. A payment that is written down and not found on the
 * chain yet is waited for, also one that was mined: another of the chain's nodes may not have seen that. It
 * counts against the limit whatever became of it.
 */
export function planTopUp(
  status: Pick<
    LeaseStatus,
    'lease' | 'tenant' | 'token' | 'deposit' | 'ratePerSecond' | 'secondsLeft' | 'state'
  >,
  { tenant, belowSeconds, toSeconds, mostPerDay }: TopUpRules,
  payments: readonly Payment[],
  now: number,
): TopUpPlan {
  if (status.state === 'closed' || status.secondsLeft >= belowSeconds) return { amount: 0n, why: 'enough' }
  if (status.tenant !== tenant) return { amount: 0n, why: 'foreign' }
  const isUnderWay = (payment: Payment) =>
    payment.lease === status.lease && now - payment.at < LOST_MS && !isThere(payment, status.deposit)
  if (payments.some(isUnderWay)) return { amount: 0n, why: 'under-way' }
  const left = leftToday(payments, status.token, mostPerDay, now)
  const wanted = BigInt(Math.max(0, toSeconds - status.secondsLeft)) * status.ratePerSecond
  const amount = wanted < left ? wanted : left
  return amount < LEAST_SECONDS * status.ratePerSecond || amount <= 0n
    ? { amount: 0n, why: wanted > 0n ? 'limit' : 'enough' }
    : { amount }
}

/** What may be paid in a token today, base units, whatever became of what was written down. */
export function leftToday(
  payments: readonly Payment[],
  token: string,
  mostPerDay: (token: string) => bigint,
  now: number,
): bigint {
  const paid = payments
    .filter((payment) => payment.token === token && now - payment.at < DAY_MS)
    .reduce((sum, { amount }) => sum + BigInt(amount), 0n)
  return mostPerDay(token) - paid
}

/** Payments that are still of use: those of the last day, with what is known of them now. */
export function settlePayments(
  payments: readonly Payment[],
  statuses: readonly Pick<LeaseStatus, 'lease' | 'deposit'>[],
  now: number,
): Payment[] {
  return payments
    .filter(({ at }) => now - at < DAY_MS)
    .map((payment) => {
      if (payment.done) return payment
      const status = statuses.find(({ lease }) => lease === payment.lease)
      return status && isThere(payment, status.deposit) ? { ...payment, done: true } : payment
    })
}

/** Whether all that was paid into a lease has a payment in it. */
function isThere({ paidIn, amount }: Payment, deposit: bigint): boolean {
  return deposit >= BigInt(paidIn) + BigInt(amount)
}
