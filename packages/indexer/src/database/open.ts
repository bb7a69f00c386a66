import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { migrate as migratePg } from 'drizzle-orm/node-postgres/migrator'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import pg from 'pg'

/** PostgreSQL, in its own server or embedded: one dialect, one set of tables. */
export type Database = PgDatabase<PgQueryResultHKT>
/** A database within a transaction. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]

const MIGRATIONS = { migrationsFolder: join(import.meta.dirname, '../../drizzle') }

/**
 * Opens `postgres://…`, or a folder for the embedded database, and brings its tables up to date.
 * Throws `database-unreachable`.
 */
export async function openDatabase(
  location: string,
): Promise<{ database: Database; close: () => Promise<void> }> {
  try {
    if (/^postgres(ql)?:\/\//.test(location)) {
      const pool = new pg.Pool({ connectionString: location, max: 8 })
      // An idle connection that the server ends (as when it restarts) is no reason to end with it; the next
      // query opens another.
      pool.on('error', () => {})
      const database = drizzlePg(pool)
      await migratePg(database, MIGRATIONS)
      return { database, close: () => pool.end() }
    }
    // Images that are made for PostgreSQL have no embedded one in them.
    const { openEmbedded } = await import('./embedded.ts')
    return await openEmbedded(location, MIGRATIONS)
  } catch (cause) {
    throw new CloisterError(
      'database-unreachable',
      `The index database at ${location.replace(/\/\/[^@]*@/, '//…@')} can not be opened.`,
      {
        hint: 'Start PostgreSQL, or delete the folder: the index is built again from the chain.',
        cause,
      },
    )
  }
}
