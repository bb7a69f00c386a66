import type { SlashRecord } from '@cloister/core'
import { and, desc, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom, placeIn } from '../../../api/paging.ts'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { slash } from '../tables.ts'

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
  return pageFrom(
    rows,
    limit,
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
    placeIn,
  )
}
