import { decimal, type ExitRecord } from '@cloister/core'
import { poolAssetsOf } from '@cloister/economy'
import { and, asc, eq, sql } from 'drizzle-orm'
import type { Address } from 'viem'
import * as z from 'zod'
import { type Page, pageFrom } from '../../../api/paging.ts'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { pool, stakeExit } from '../tables.ts'

/** A place in the order of exits. */
export const ExitPlace = z.strictObject({ readyAt: z.int(), id: decimal })

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
  return pageFrom(
    rows,
    limit,
    ({ exit, assets, all }): ExitRecord => ({
      id: exit.id,
      provider: exit.provider as Address,
      account: exit.account as Address,
      amount: exit.amount.toString(),
      worth: (exit.state === 'waiting' ? poolAssetsOf(exit.exitShares, assets, all) : 0n).toString(),
      readyAt: exit.readyAt,
      state: exit.state as ExitRecord['state'],
    }),
    ({ exit }) => ({ readyAt: exit.readyAt, id: exit.id }),
  )
}
