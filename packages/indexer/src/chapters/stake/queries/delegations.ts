import { type DelegationRecord, decimal } from '@cloister/core'
import { poolAssetsOf } from '@cloister/economy'
import { and, asc, desc, eq, sql } from 'drizzle-orm'
import type { Address } from 'viem'
import * as z from 'zod'
import { type Page, pageFrom } from '../../../api/paging.ts'
import { equal, type Filter } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { delegation, pool } from '../tables.ts'

/** A place in the order of delegations. */
export const DelegationPlace = z.strictObject({ shares: decimal, key: z.string().max(100) })

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
  return pageFrom(
    rows,
    limit,
    ({ held, assets, all }): DelegationRecord => ({
      provider: held.provider as Address,
      account: held.account as Address,
      shares: held.shares.toString(),
      worth: poolAssetsOf(held.shares, assets, all).toString(),
      delegated: held.delegated.toString(),
      claimed: held.claimed.toString(),
      since: held.since,
    }),
    ({ held }) => ({ shares: held.shares.toString(), key: held.key }),
  )
}
