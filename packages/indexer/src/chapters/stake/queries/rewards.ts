import type { RewardRecord } from '@cloister/core'
import { and, desc, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom, placeIn } from '../../../api/paging.ts'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { reward } from '../tables.ts'

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
  return pageFrom(
    rows,
    limit,
    ({ provider, account, amount, block, time, transaction }): RewardRecord => ({
      provider: provider as Address,
      account: account as Address,
      amount: amount.toString(),
      block,
      time,
      transaction: transaction as Hex,
    }),
    placeIn,
  )
}
