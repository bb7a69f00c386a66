import type { PeriodRecord, TotalsRecord } from '@cloister/core'
import { emitted, PERIOD_SECONDS } from '@cloister/economy'
import { and, eq, gt, gte, sql, sum } from 'drizzle-orm'
import type { Address } from 'viem'
import type { Database } from '../../database/open.ts'
import { lease, leaseTotal, tenantTotal } from '../leases/tables.ts'
import { feeTotal } from '../payments/tables.ts'
import { pool } from '../stake/tables.ts'
import { worker } from '../workers/tables.ts'

/** The network in numbers. */
export async function readTotals(database: Database, now: number, start: number): Promise<TotalsRecord> {
  const covered = and(gt(worker.coveredUntil, now), eq(worker.retired, false))
  const [[leases], [workers], paid, [staked], periods] = await Promise.all([
    database
      .select({
        all: sum(leaseTotal.leases),
        open: sum(leaseTotal.open),
        tenants: database.$count(tenantTotal, gt(tenantTotal.leases, 0)),
      })
      .from(leaseTotal),
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
        token: leaseTotal.token,
        deposits: sum(leaseTotal.deposit),
        spent: sum(leaseTotal.spent),
        fees: sum(leaseTotal.fee),
      })
      .from(leaseTotal)
      .where(gt(leaseTotal.leases, 0))
      .groupBy(leaseTotal.token)
      // Tokens in the order in which they were first paid with.
      .orderBy(
        sql`(select min(${lease.openedBlock}) from ${lease} where ${lease.token} = ${leaseTotal.token})`,
      ),
    database.select({ all: sum(pool.assets) }).from(pool),
    readPeriods(database, now, start),
  ])
  return {
    leases: Number(leases?.all ?? 0),
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
  const fees = await database.select().from(feeTotal).where(gte(feeTotal.period, 0)).orderBy(feeTotal.token)
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
          .map(({ token, amount }) => ({ token: token as Address, amount: amount.toString() })),
      }
    },
  )
}
