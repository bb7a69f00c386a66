import { bigint, boolean, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { amount, seconds } from '../../database/columns.ts'

/** Offers as in Vouchers.sol. */
export const offer = pgTable(
  'offer',
  {
    id: text().primaryKey(),
    lease: text().notNull(),
    model: text().notNull(),
    options: text().notNull(),
    token: text().notNull(),
    payee: text().notNull(),
    input: amount('input').notNull(),
    cached: amount('cached').notNull(),
    output: amount('output').notNull(),
    offeredAt: seconds('offered_at').notNull(),
    endedAt: seconds('ended_at'),
    block: bigint('offered_block', { mode: 'number' }).notNull(),
    logIndex: integer('offered_log_index').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    index('offer_model').on(table.model, table.block, table.logIndex),
    index('offer_lease').on(table.lease, table.block, table.logIndex),
    index('offer_order').on(table.block, table.logIndex),
  ],
)

/** Session keys. */
export const sessionKey = pgTable(
  'session_key',
  {
    key: text().primaryKey(),
    payer: text().notNull(),
    token: text().notNull(),
    cap: amount('cap').notNull(),
    until: seconds('until').notNull(),
  },
  (table) => [index('session_key_payer').on(table.payer)],
)

/** What payers put into purses and took out of them; what is in channels is of the channels. */
export const purse = pgTable(
  'purse',
  {
    /** Payer and token. */
    key: text().primaryKey(),
    payer: text().notNull(),
    token: text().notNull(),
    filled: amount('filled').notNull(),
    emptied: amount('emptied').notNull(),
    leaving: amount('leaving').notNull(),
    /** 0 where nothing was announced. */
    leavesAt: seconds('leaves_at').notNull(),
  },
  (table) => [index('purse_payer').on(table.payer)],
)

export const channel = pgTable(
  'channel',
  {
    id: text().primaryKey(),
    payer: text().notNull(),
    payerAuthorizer: text('payer_authorizer').notNull(),
    receiver: text().notNull(),
    receiverAuthorizer: text('receiver_authorizer').notNull(),
    token: text().notNull(),
    withdrawDelay: seconds('withdraw_delay').notNull(),
    salt: text().notNull(),
    drawn: amount('drawn').notNull(),
    filled: amount('filled').notNull(),
    claimed: amount('claimed').notNull(),
    fee: amount('fee').notNull(),
    returned: amount('returned').notNull(),
    /** What of that had been drawn, which a key may draw again: what was drawn goes back first. */
    drawnBack: amount('drawn_back').notNull(),
    leaving: amount('leaving').notNull(),
    /** 0 where nothing was announced. */
    leavesAt: seconds('leaves_at').notNull(),
    openedAt: seconds('opened_at').notNull(),
    block: bigint('opened_block', { mode: 'number' }).notNull(),
    logIndex: integer('opened_log_index').notNull(),
  },
  (table) => [
    index('channel_payer').on(table.payer, table.block, table.logIndex),
    index('channel_authorizer').on(table.payerAuthorizer, table.block, table.logIndex),
    index('channel_receiver').on(table.receiver, table.block, table.logIndex),
    index('channel_order').on(table.block, table.logIndex),
  ],
)

/** Roots of batches of receipts. */
export const anchor = pgTable(
  'anchor',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    lease: text().notNull(),
    worker: text().notNull(),
    era: amount('era').notNull(),
    /** The batch's number in the era. */
    batch: amount('batch').notNull(),
    count: amount('count').notNull(),
    root: text().notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('anchor_lease').on(table.lease, table.block, table.logIndex),
  ],
)

/**
 * Receipts that workers handed out of batches that they anchored, each checked against its root. They are
 * folded from no event: they stay where all else is filled anew.
 */
export const keptReceipt = pgTable(
  'kept_receipt',
  {
    lease: text().notNull(),
    id: text().notNull(),
    era: amount('era').notNull(),
    batch: amount('batch').notNull(),
    /** The receipt as JSON, with its proof. */
    receipt: text().notNull(),
    keptAt: seconds('kept_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.lease, table.id] }),
    index('kept_receipt_id').on(table.id, table.keptAt),
  ],
)

/** What became of asking for batches. */
export const keptBatch = pgTable(
  'kept_batch',
  {
    lease: text().notNull(),
    era: amount('era').notNull(),
    batch: amount('batch').notNull(),
    root: text().notNull(),
    kept: boolean().notNull(),
    tries: integer().notNull(),
    /** When it is asked for again, Unix seconds. */
    nextAt: seconds('next_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.lease, table.era, table.batch, table.root] }),
    index('kept_batch_due').on(table.kept, table.nextAt),
  ],
)
