import { bigint, index, integer, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { amount, seconds } from '../../database/columns.ts'

export const payment = pgTable(
  'payment',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    /** One event can move money in two ways: an earning and its fee. */
    part: integer().notNull(),
    kind: text().notNull(),
    lease: text(),
    account: text().notNull(),
    token: text().notNull(),
    amount: amount('amount').notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex, table.part] }),
    // Lists are in the order of the chain, each a piece of one index.
    index('payment_lease').on(table.lease, table.block, table.logIndex, table.part),
    index('payment_account').on(table.account, table.block, table.logIndex, table.part),
    index('payment_token').on(table.token, table.block, table.logIndex, table.part),
    index('payment_kind').on(table.kind, table.block, table.logIndex, table.part),
    index('payment_account_kind').on(table.account, table.kind, table.block, table.logIndex, table.part),
  ],
)

/** Fees of each period of the emission, by token. */
export const feeTotal = pgTable('fee_total', {
  /** Period and token. */
  key: text().primaryKey(),
  /** The first is 0; what was paid before it is in -1. */
  period: integer().notNull(),
  token: text().notNull(),
  /** A sum, which may be larger than any one amount. */
  amount: numeric({ mode: 'bigint' }).notNull(),
})
