import { bigint, boolean, index, integer, numeric, pgTable, text } from 'drizzle-orm/pg-core'
import { amount, seconds } from '../../database/columns.ts'

export const lease = pgTable(
  'lease',
  {
    id: text().primaryKey(),
    shortId: text('short_id').notNull(),
    /** The name the tenant wished for; who has it is decided when asked. */
    wishedName: text('wished_name'),
    /** Its place in the group of that name. */
    replica: integer(),
    open: boolean().notNull(),
    refused: boolean().notNull(),
    tenant: text().notNull(),
    worker: text().notNull(),
    provider: text().notNull(),
    token: text().notNull(),
    ratePerSecond: amount('rate_per_second').notNull(),
    deposit: amount('deposit').notNull(),
    spent: amount('spent').notNull(),
    fee: amount('fee').notNull(),
    refund: amount('refund').notNull(),
    coveredSeconds: seconds('covered_seconds').notNull(),
    manifestHash: text('manifest_hash').notNull(),
    openedAt: seconds('opened_at').notNull(),
    openedBlock: bigint('opened_block', { mode: 'number' }).notNull(),
    openedLogIndex: integer('opened_log_index').notNull(),
    closedAt: seconds('closed_at'),
    noticeUntil: seconds('notice_until'),
    /** Minutes of notice that its provider has to give; 0 for the market's notice period. */
    noticeMinutes: integer('notice_minutes').notNull().default(0),
    transaction: text().notNull(),
  },
  (table) => [
    index('lease_short_id').on(table.shortId),
    // Lists are in the order of opening, each a piece of one index. None is on what changes, so that a change
    // writes the row alone.
    index('lease_name').on(table.wishedName, table.openedBlock, table.openedLogIndex),
    index('lease_tenant').on(table.tenant, table.openedBlock, table.openedLogIndex),
    index('lease_worker').on(table.worker, table.openedBlock, table.openedLogIndex),
    index('lease_provider').on(table.provider, table.openedBlock, table.openedLogIndex),
    index('lease_token').on(table.token, table.openedBlock, table.openedLogIndex),
    index('lease_order').on(table.openedBlock, table.openedLogIndex),
  ],
)

/** A sum of amounts, which may be larger than any one amount. */
const sum = (name: string) => numeric(name, { mode: 'bigint' })

/** What leases add up to, by worker and token. */
export const leaseTotal = pgTable('lease_total', {
  /** Worker and token. */
  key: text().primaryKey(),
  worker: text().notNull(),
  provider: text().notNull(),
  token: text().notNull(),
  leases: integer().notNull(),
  open: integer().notNull(),
  refused: integer().notNull(),
  deposit: sum('deposit').notNull(),
  spent: sum('spent').notNull(),
  fee: sum('fee').notNull(),
})

/** How many leases each tenant opened. */
export const tenantTotal = pgTable('tenant_total', {
  tenant: text().primaryKey(),
  leases: integer().notNull(),
})
