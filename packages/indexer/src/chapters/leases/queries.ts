import type { LeaseRecord } from '@cloister/core'
import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom } from '../../api/paging.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { worker } from '../workers/tables.ts'
import { lease } from './tables.ts'

/** Leases, newest first. */
export async function findLeases(
  database: Database,
  filters: Filter<'lease' | 'short' | 'name' | 'wishedName' | 'tenant' | 'worker' | 'provider' | 'token'> & {
    open?: boolean | undefined
  },
  limit: number,
  after?: Place,
): Promise<Page<LeaseRecord>> {
  const where = and(
    ...equal(
      {
        id: lease.id,
        short: lease.shortId,
        tenant: lease.tenant,
        worker: lease.worker,
        provider: lease.provider,
        token: lease.token,
        open: lease.open,
        wishedName: lease.wishedName,
      },
      { ...filters, id: filters.lease, ...(filters.name !== undefined && { wishedName: filters.name }) },
    ),
    // Of those that wish for a name, the first that is open has it.
    filters.name === undefined ? undefined : isHolder(),
    after && sql`(${lease.openedBlock}, ${lease.openedLogIndex}) < (${after.block}, ${after.logIndex})`,
  )
  const rows = await database
    .select({
      lease,
      endpoint: worker.endpoint,
      tlsKeyHash: worker.tlsKeyHash,
      holds: sql<boolean>`${isHolder()}`,
    })
    .from(lease)
    .leftJoin(worker, eq(worker.address, lease.worker))
    .where(where)
    .orderBy(desc(lease.openedBlock), desc(lease.openedLogIndex))
    .limit(limit + 1)
  return pageFrom(
    rows,
    limit,
    ({ lease: row, endpoint, tlsKeyHash, holds }): LeaseRecord => ({
      lease: row.id as Hex,
      shortId: row.shortId,
      ...(row.wishedName !== null && { wishedName: row.wishedName }),
      ...(row.replica !== null && { replica: row.replica }),
      ...(row.wishedName !== null && holds && { name: row.wishedName }),
      state: row.open ? 'open' : 'closed',
      tenant: row.tenant as Address,
      worker: row.worker as Address,
      provider: row.provider as Address,
      token: row.token as Address,
      ratePerSecond: row.ratePerSecond.toString(),
      deposit: row.deposit.toString(),
      spent: row.spent.toString(),
      fee: row.fee.toString(),
      refund: row.refund.toString(),
      coveredSeconds: row.coveredSeconds,
      manifestHash: row.manifestHash as Hex,
      openedAt: row.openedAt,
      ...(row.closedAt !== null && { closedAt: row.closedAt }),
      noticeMinutes: row.noticeMinutes,
      ...(row.noticeUntil !== null && { noticeUntil: row.noticeUntil }),
      refused: row.refused,
      endpoint: endpoint ?? '',
      ...(tlsKeyHash !== null && { tlsKeyHash: tlsKeyHash as Hex }),
      transaction: row.transaction as Hex,
    }),
    ({ lease: row }) => ({ block: row.openedBlock, logIndex: row.openedLogIndex }),
  )
}

function isHolder(): SQL {
  return sql`(${lease.open} and not exists (select 1 from lease as earlier where earlier.wished_name = ${lease.wishedName} and earlier.open and (earlier.opened_block, earlier.opened_log_index) < (${lease.openedBlock}, ${lease.openedLogIndex})))`
}
