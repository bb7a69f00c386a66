import type { PaymentRecord } from '@cloister/core'
import { and, desc, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom } from '../../api/paging.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { payment } from './tables.ts'

/** Money that moved, newest first. */
export async function findPayments(
  database: Database,
  filters: Filter<'lease' | 'account' | 'token' | 'kind'>,
  limit: number,
  after?: Place,
): Promise<Page<PaymentRecord>> {
  const { block, logIndex, part } = payment
  const rows = await database
    .select()
    .from(payment)
    .where(
      and(
        ...equal(
          { lease: payment.lease, account: payment.account, token: payment.token, kind: payment.kind },
          filters,
        ),
        after &&
          sql`(${block}, ${logIndex}, ${part}) < (${after.block}, ${after.logIndex}, ${after.part ?? 0})`,
      ),
    )
    .orderBy(desc(block), desc(logIndex), desc(part))
    .limit(limit + 1)
  return pageFrom(
    rows,
    limit,
    (row): PaymentRecord => ({
      kind: row.kind as PaymentRecord['kind'],
      ...(row.lease !== null && { lease: row.lease as Hex }),
      account: row.account as Address,
      token: row.token as Address,
      amount: row.amount.toString(),
      block: row.block,
      time: row.time,
      transaction: row.transaction as Hex,
    }),
    ({ block, logIndex, part }) => ({ block, logIndex, part }),
  )
}
