import { bigint, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { seconds } from '../../database/columns.ts'

/**
 * Events by which governance acts or says that it will, few as they are. What became of each is computed
 * when it is asked.
 */
export const governance = pgTable(
  'governance',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    /** The contract's name in the index: several have events of one name. */
    contract: text().notNull(),
    name: text().notNull(),
    args: jsonb().$type<Record<string, unknown>>().notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.block, table.logIndex] })],
)
