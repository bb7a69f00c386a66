import type { PoolRecord } from '@cloister/core'
import { EPOCH_SECONDS, gpuBudgetOf, poolAssetsOf, REWARD_PRECISION } from '@cloister/economy'
import { and, asc, count, desc, eq, lte, sql, sum } from 'drizzle-orm'
import type { Address } from 'viem'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { delegation, epochWeight, pool, settlement } from '../tables.ts'
import type { Clock } from './clock.ts'

const TRAILING_SECONDS = 30 * 86_400
const YEAR_SECONDS = 365 * 86_400

/** Pools, those with most stake first. */
export async function findPools(
  database: Database,
  filters: Filter<'provider'>,
  { now, start }: Clock,
): Promise<PoolRecord[]> {
  // The last epoch that is over: what the present one weighs isn't certain yet.
  const epoch = Math.floor((now - start) / EPOCH_SECONDS) - 1
  // What each share had earned by the last settlement that is thirty days old, and by the newest one.
  const newest = database
    .select({ perShare: settlement.perShare, time: settlement.time })
    .from(settlement)
    .where(eq(settlement.provider, pool.provider))
    .orderBy(desc(settlement.time), desc(settlement.block), desc(settlement.logIndex))
    .limit(1)
    .as('newest')
  const before = database
    .select({
      perShare: sql<string>`${settlement.perShare}`.as('before_per_share'),
      time: sql<string>`${settlement.time}`.as('before_time'),
    })
    .from(settlement)
    .where(and(eq(settlement.provider, pool.provider), lte(settlement.time, now - TRAILING_SECONDS)))
    .orderBy(desc(settlement.time), desc(settlement.block), desc(settlement.logIndex))
    .limit(1)
    .as('before')
  const [pools, delegators, own, weights, [all]] = await Promise.all([
    database
      .select({
        pool,
        newest: { perShare: newest.perShare, time: newest.time },
        before: { perShare: before.perShare, time: before.time },
      })
      .from(pool)
      .leftJoinLateral(newest, sql`true`)
      .leftJoinLateral(before, sql`true`)
      // Anybody may have events made about a provider that nobody has staked for.
      .where(
        and(
          ...equal({ provider: pool.provider }, filters),
          sql`(${pool.shares} > 0 or ${pool.exitShares} > 0 or ${pool.rewarded} > 0 or ${pool.kept} > 0)`,
        ),
      )
      .orderBy(desc(pool.assets), asc(pool.provider)),
    database
      .select({ provider: delegation.provider, all: count() })
      .from(delegation)
      .where(sql`${delegation.shares} > 0`)
      .groupBy(delegation.provider),
    database.select().from(delegation).where(eq(delegation.account, delegation.provider)),
    database.select().from(epochWeight).where(eq(epochWeight.epoch, epoch)),
    database.select({ active: sum(pool.assets) }).from(pool),
  ])
  const delegatorsOf = new Map(delegators.map((row) => [row.provider, row.all]))
  const ownOf = new Map(own.map((row) => [row.provider, row.shares]))
  const weightOf = new Map(weights.map((row) => [row.provider, row.weight]))
  const totalWeight = weights.reduce((total, row) => total + row.weight, 0)
  const active = Number(all?.active ?? 0)
  return pools.map(({ pool: row, newest, before }): PoolRecord => {
    const weight = weightOf.get(row.provider) ?? 0
    const assets = Number(row.assets)
    // What an hour brings a unit of stake: of all stake's part, and of the pool's half of what its GPUs
    // earn.
    const stakeHour =
      active === 0 || now < start
        ? 0
        : (Number(gpuBudgetOf(Math.max(0, epoch))) * (1 - row.commissionBps / 10_000)) / active
    const gpuHour =
      assets === 0 || totalWeight === 0 ? 0 : (Number(gpuBudgetOf(epoch)) * weight) / totalWeight / 2 / assets
    const trailingSeconds = newest ? Math.max(0, newest.time - Number(before?.time ?? row.since)) : 0
    const earned = newest
      ? ((newest.perShare - BigInt(before?.perShare ?? 0)) * row.shares) / REWARD_PRECISION
      : 0n
    return {
      provider: row.provider as Address,
      stake: row.assets.toString(),
      shares: row.shares.toString(),
      own: poolAssetsOf(ownOf.get(row.provider) ?? 0n, row.assets, row.shares).toString(),
      exiting: row.exitAssets.toString(),
      locked: row.locked.toString(),
      commissionBps: row.commissionBps,
      ...(row.nextCommissionBps !== null &&
        row.nextCommissionFrom !== null && {
          nextCommission: { bps: row.nextCommissionBps, from: row.nextCommissionFrom },
        }),
      delegators: delegatorsOf.get(row.provider) ?? 0,
      weight,
      totalWeight,
      rewarded: row.rewarded.toString(),
      kept: row.kept.toString(),
      slashed: row.slashed.toString(),
      yields: {
        current: ((stakeHour + gpuHour) * YEAR_SECONDS) / EPOCH_SECONDS,
        ...(assets > 0 &&
          trailingSeconds >= EPOCH_SECONDS && {
            trailing: (Number(earned) / assets) * (YEAR_SECONDS / trailingSeconds),
          }),
        trailingSeconds,
      },
    }
  })
}
