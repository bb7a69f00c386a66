import type { EpochRecord } from '@cloister/core'
import { EPOCH_SECONDS, gpuBudgetOf } from '@cloister/economy'
import { and, asc, gt, gte, lt, max, sum } from 'drizzle-orm'
import type { Address } from 'viem'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { epochWeight } from '../tables.ts'
import type { Clock } from './clock.ts'

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
