import { bigint, index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { seconds } from '../../database/columns.ts'

/** Apps as in Apps.sol. */
export const app = pgTable(
  'app',
  {
    id: text().primaryKey(),
    /** The account that registered it; its id is made of that account and the name. */
    registeredBy: text('registered_by').notNull(),
    name: text().notNull(),
    owner: text().notNull(),
    pendingOwner: text('pending_owner'),
    upgradeDelay: seconds('upgrade_delay').notNull(),
    /** A shorter delay, and from when it holds. */
    nextDelay: seconds('next_delay'),
    nextDelayFrom: seconds('next_delay_from'),
    frozenAt: seconds('frozen_at'),
    registeredAt: seconds('registered_at').notNull(),
    block: bigint('registered_block', { mode: 'number' }).notNull(),
    logIndex: integer('registered_log_index').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    index('app_owner').on(table.owner, table.block, table.logIndex),
    index('app_order').on(table.block, table.logIndex),
  ],
)

/** Entries of apps' policies: what may have an app's keys. */
export const allowance = pgTable(
  'allowance',
  {
    /** App, kind and hash. */
    key: text().primaryKey(),
    app: text().notNull(),
    /** `manifest` or `measurement`. */
    kind: text().notNull(),
    hash: text().notNull(),
    /** Null once it was forbidden. */
    allowedFrom: seconds('allowed_from'),
  },
  (table) => [index('allowance_app').on(table.app)],
)

/** The key service's seats, as they were last filled. */
export const seat = pgTable('seat', {
  number: text().primaryKey(),
  lease: text().notNull(),
  worker: text().notNull(),
  provider: text().notNull(),
  manifestHash: text('manifest_hash').notNull(),
  filledAt: seconds('filled_at').notNull(),
  /** When its worker was last reported to be away. */
  absentFrom: seconds('absent_from'),
  /** When governance put its instance out. */
  vacatedAt: seconds('vacated_at'),
})
