import type { PeriodRecord, TotalsRecord } from '@cloister/core'
import { emitted, PERIOD_SECONDS } from '@cloister/economy'
import { and, count, eq, gt, gte, lte, min, sql, sum } from 'drizzle-orm'
import type { Address } from 'viem'
import type { Database } from '../../database/open.ts'
import { lease } from '../leases/tables.ts'
import { payment } from '../payments/tables.ts'
import { pool } from '../stake/tables.ts'
import { worker } from '../workers/tables.ts'

/** The network in numbers. */
export async function readTotals(database: Database, now: number, start: number): Promise<TotalsRecord> {
  const covered = and(gt(worker.coveredUntil, now), eq(worker.retired, false))
  const [[leases], [workers], paid, [staked], periods] = await Promise.all([
    database
      .select({
        all: count(),
        open: sql<number>`count(*) filter (where ${lease.open})`,
        tenants: sql<number>`count(distinct ${lease.tenant})`,
      })
      .from(lease),
    database
      .select({
        all: sql<number>`count(*) filter (where not ${worker.retired})`,
        providers: sql<number>`count(distinct ${worker.provider})`,
        covered: sql<number>`count(*) filter (where ${covered})`,
        cpu: sql<number>`coalesce(sum(${worker.cpuMilli}) filter (where ${covered}), 0)`,
        memory: sql<number>`coalesce(sum(${worker.memoryMiB}) filter (where ${covered}), 0)`,
        gpus: sql<number>`coalesce(sum(${worker.gpus}) filter (where ${covered}), 0)`,
      })
      .from(worker),
    database
      .select({
        token: lease.token,
        deposits: sum(lease.deposit),
        spent: sum(lease.spent),
        fees: sum(lease.fee),
      })
      .from(lease)
      .groupBy(lease.token)
      .orderBy(min(lease.openedBlock)),
    database.select({ all: sum(pool.assets) }).from(pool),
    readPeriods(database, now, start),
  ])
  return {
    leases: leases?.all ?? 0,
    openLeases: Number(leases?.open ?? 0),
    workers: Number(workers?.all ?? 0),
    coveredWorkers: Number(workers?.covered ?? 0),
    providers: Number(workers?.providers ?? 0),
    tenants: Number(leases?.tenants ?? 0),
    cpuMilli: Number(workers?.cpu ?? 0),
    memoryMiB: Number(workers?.memory ?? 0),
    gpus: Number(workers?.gpus ?? 0),
    paid: paid.map(({ token, deposits, spent, fees }) => ({
      token: token as Address,
      deposits: deposits ?? '0',
      spent: spent ?? '0',
      fees: fees ?? '0',
    })),
    staked: staked?.all ?? '0',
    periods,
  }
}

/** Emission and fee income of every period so far. */
async function readPeriods(database: Database, now: number, start: number): Promise<PeriodRecord[]> {
  const period = sql<number>`floor((${payment.time} - ${start}) / ${PERIOD_SECONDS}::numeric)::int`
  const fees = await database
    .select({ period, token: payment.token, amount: sum(payment.amount) })
    .from(payment)
    .where(and(eq(payment.kind, 'fee'), gte(payment.time, start), lte(payment.time, now)))
    .groupBy(sql`1`, payment.token)
    .orderBy(payment.token)
  const elapsed = now - start
  return Array.from(
    { length: Math.max(0, Math.floor(elapsed / PERIOD_SECONDS) + 1) },
    (_, index): PeriodRecord => {
      const [from, until] = [index * PERIOD_SECONDS, (index + 1) * PERIOD_SECONDS]
      return {
        period: index,
        from: start + from,
        until: start + until,
        emitted: (emitted(Math.min(until, elapsed)) - emitted(from)).toString(),
        fees: fees
          .filter((row) => row.period === index)
          .map(({ token, amount }) => ({ token: token as Address, amount: amount ?? '0' })),
      }
    },
  )
}
