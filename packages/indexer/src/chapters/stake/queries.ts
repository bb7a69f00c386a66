import {
  type DelegationRecord,
  decimal,
  type EpochRecord,
  type ExitRecord,
  type PoolRecord,
  type RewardRecord,
  type SlashRecord,
} from '@cloister/core'
import { EPOCH_SECONDS, gpuBudgetOf, poolAssetsOf, REWARD_PRECISION } from '@cloister/economy'
import { and, asc, count, desc, eq, gt, gte, lt, lte, max, sql, sum } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { Page, Place } from '../../api/paging.ts'
import type { Parts } from '../../api/route.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { delegation, epochWeight, pool, reward, settlement, slash, stakeExit } from './tables.ts'

const TRAILING_SECONDS = 30 * 86_400
const YEAR_SECONDS = 365 * 86_400

/** When it is, and when emission began, Unix seconds. */
export interface Clock {
  now: number
  start: number
}

export function clockOf({ network, now }: Pick<Parts, 'network' | 'now'>): Clock {
  return { now: now(), start: network.emissionStart }
}

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

/** A place in the order of delegations. */
export const DelegationPlace = z.strictObject({ shares: decimal, key: z.string().max(100) })
/** A place in the order of exits. */
export const ExitPlace = z.strictObject({ readyAt: z.int(), id: decimal })

/** Who holds what in which pool, those with most shares first; those who have left are left out. */
export async function findDelegations(
  database: Database,
  filters: Filter<'provider' | 'account'>,
  limit: number,
  after?: z.infer<typeof DelegationPlace>,
): Promise<Page<DelegationRecord, z.infer<typeof DelegationPlace>>> {
  const rows = await database
    .select({ held: delegation, assets: pool.assets, all: pool.shares })
    .from(delegation)
    .innerJoin(pool, eq(pool.provider, delegation.provider))
    .where(
      and(
        ...equal({ provider: delegation.provider, account: delegation.account }, filters),
        sql`(${delegation.shares} > 0 or ${delegation.claimed} > 0)`,
        after &&
          sql`(${delegation.shares} < ${after.shares}::numeric or (${delegation.shares} = ${after.shares}::numeric and ${delegation.key} > ${after.key}))`,
      ),
    )
    .orderBy(desc(delegation.shares), asc(delegation.key))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({ held, assets, all }): DelegationRecord => ({
      provider: held.provider as Address,
      account: held.account as Address,
      shares: held.shares.toString(),
      worth: poolAssetsOf(held.shares, assets, all).toString(),
      delegated: held.delegated.toString(),
      claimed: held.claimed.toString(),
      since: held.since,
    }),
  )
  const last = rows[limit - 1]?.held
  return {
    items,
    next: rows.length > limit && last ? { shares: last.shares.toString(), key: last.key } : undefined,
  }
}

/** Exits, those ready first first. */
export async function findExits(
  database: Database,
  filters: Filter<'provider' | 'account' | 'state'>,
  limit: number,
  after?: z.infer<typeof ExitPlace>,
): Promise<Page<ExitRecord, z.infer<typeof ExitPlace>>> {
  const rows = await database
    .select({ exit: stakeExit, assets: pool.exitAssets, all: pool.exitShares })
    .from(stakeExit)
    .innerJoin(pool, eq(pool.provider, stakeExit.provider))
    .where(
      and(
        ...equal(
          { provider: stakeExit.provider, account: stakeExit.account, state: stakeExit.state },
          filters,
        ),
        after && sql`(${stakeExit.readyAt}, ${stakeExit.id}) > (${after.readyAt}, ${after.id})`,
      ),
    )
    .orderBy(asc(stakeExit.readyAt), asc(stakeExit.id))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({ exit, assets, all }): ExitRecord => ({
      id: exit.id,
      provider: exit.provider as Address,
      account: exit.account as Address,
      amount: exit.amount.toString(),
      worth: (exit.state === 'waiting' ? poolAssetsOf(exit.exitShares, assets, all) : 0n).toString(),
      readyAt: exit.readyAt,
      state: exit.state as ExitRecord['state'],
    }),
  )
  const last = rows[limit - 1]?.exit
  return { items, next: rows.length > limit && last ? { readyAt: last.readyAt, id: last.id } : undefined }
}

/**
 * Epochs with what each pool weighed and earned, or one provider's, newest first, those ahead that are
 * counted already included.
 */
export async function findEpochs(
  database: Database,
  { before, limit, provider }: { before?: number | undefined; limit: number } & Filter<'provider'>,
  { now, start }: Clock,
): Promise<EpochRecord[]> {
  const present = Math.floor((now - start) / EPOCH_SECONDS)
  const [last] = await database.select({ epoch: max(epochWeight.epoch) }).from(epochWeight)
  const to = Math.min(before ?? Number.MAX_SAFE_INTEGER, Math.max(present, last?.epoch ?? 0) + 1)
  const from = Math.max(0, to - limit)
  const within = and(gte(epochWeight.epoch, from), lt(epochWeight.epoch, to), gt(epochWeight.weight, 0))
  const [totals, rows] = await Promise.all([
    database
      .select({ epoch: epochWeight.epoch, weight: sum(epochWeight.weight) })
      .from(epochWeight)
      .where(within)
      .groupBy(epochWeight.epoch),
    database
      .select()
      .from(epochWeight)
      .where(and(within, ...equal({ provider: epochWeight.provider }, { provider })))
      .orderBy(asc(epochWeight.provider)),
  ])
  const weightOf = new Map(totals.map(({ epoch, weight }) => [epoch, Number(weight)]))
  const byEpoch = Map.groupBy(rows, ({ epoch }) => epoch)
  return Array.from({ length: Math.max(0, to - from) }, (_, index): EpochRecord => {
    const epoch = to - 1 - index
    const total = weightOf.get(epoch) ?? 0
    const budget = gpuBudgetOf(epoch)
    return {
      epoch,
      from: start + epoch * EPOCH_SECONDS,
      until: start + (epoch + 1) * EPOCH_SECONDS,
      closed: epoch < present,
      budget: budget.toString(),
      weight: total,
      pools: (byEpoch.get(epoch) ?? []).map((row) => ({
        provider: row.provider as Address,
        weight: row.weight,
        reward: ((budget * BigInt(row.weight)) / BigInt(total)).toString(),
      })),
    }
  })
}

/** Rewards that were paid out, newest first. */
export async function findRewards(
  database: Database,
  filters: Filter<'provider' | 'account'>,
  limit: number,
  after?: Place,
): Promise<Page<RewardRecord>> {
  const rows = await database
    .select()
    .from(reward)
    .where(
      and(
        ...equal({ provider: reward.provider, account: reward.account }, filters),
        after && sql`(${reward.block}, ${reward.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(reward.block), desc(reward.logIndex))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({ provider, account, amount, block, time, transaction }): RewardRecord => ({
      provider: provider as Address,
      account: account as Address,
      amount: amount.toString(),
      block,
      time,
      transaction: transaction as Hex,
    }),
  )
  const last = rows[limit - 1]
  return {
    items,
    next: rows.length > limit && last ? { block: last.block, logIndex: last.logIndex } : undefined,
  }
}

/** Slashes, newest first. */
export async function findSlashes(
  database: Database,
  filters: Filter<'provider'>,
  limit: number,
  after?: Place,
): Promise<Page<SlashRecord>> {
  const rows = await database
    .select()
    .from(slash)
    .where(
      and(
        ...equal({ provider: slash.provider }, filters),
        after && sql`(${slash.block}, ${slash.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(slash.block), desc(slash.logIndex))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({
      provider,
      active,
      exiting,
      reporter,
      reward: paid,
      reason,
      offence,
      block,
      time,
      transaction,
    }): SlashRecord => ({
      provider: provider as Address,
      active: active.toString(),
      exiting: exiting.toString(),
      ...(reporter !== null && { reporter: reporter as Address }),
      reward: paid.toString(),
      reason: reason as Hex,
      ...(offence !== null && { offence: offence as NonNullable<SlashRecord['offence']> }),
      block,
      time,
      transaction: transaction as Hex,
    }),
  )
  const last = rows[limit - 1]
  return {
    items,
    next: rows.length > limit && last ? { block: last.block, logIndex: last.logIndex } : undefined,
  }
}
