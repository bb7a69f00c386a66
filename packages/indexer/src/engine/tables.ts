import { bigint, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'

/** Which chain and chapters the rest is about, and how often the chain reorganised. */
export const progress = pgTable('progress', {
  key: text().primaryKey(),
  value: text().notNull(),
})

/**
 * Blocks up to which everything was read, with their hashes: where to go back to when the chain reorganises.
 */
export const checkpoint = pgTable('checkpoint', {
  block: bigint({ mode: 'number' }).primaryKey(),
  hash: text().notNull(),
})

/** Every event of the contracts, as it was. The tables of chapters are folded from these rows. */
export const event = pgTable(
  'event',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    /** Unix seconds. */
    time: bigint('time', { mode: 'number' }).notNull(),
    transaction: text().notNull(),
    /** The contract's name in the index. */
    contract: text().notNull(),
    name: text().notNull(),
    /** Big numbers as decimal strings. */
    args: jsonb().$type<Record<string, unknown>>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('event_name').on(table.name, table.block, table.logIndex),
  ],
)

/**
 * What each event is about: a lease, a worker, a pool. Rows are folded anew by subject when the chain
 * reorganises.
 */
export const subject = pgTable(
  'subject',
  {
    kind: text().notNull(),
    id: text().notNull(),
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.id, table.block, table.logIndex] }),
    // Rows come in the order of blocks, so that this one is a few pages, whatever the table.
    index('subject_block').using('brin', table.block),
  ],
)
