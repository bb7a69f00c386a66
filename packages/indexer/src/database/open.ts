import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { PGlite } from '@electric-sql/pglite'
import { dataDir as emptyDatabase } from '@electric-sql/pglite-prepopulatedfs'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { migrate as migratePg } from 'drizzle-orm/node-postgres/migrator'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'
import * as schema from './schema.ts'

/** PostgreSQL, in its own server or embedded: one dialect, one set of tables. */
export type Database = PgDatabase<PgQueryResultHKT, typeof schema>

const MIGRATIONS = { migrationsFolder: join(import.meta.dirname, '../../drizzle') }

/**
 * Opens `postgres://…`, or a folder for the embedded database, and brings its tables up to date.
 * Throws `database-unreachable`.
 */
export async function openDatabase(location: string): Promise<{ database: Database; close: () => Promise<void> }> {
  try {
    if (/^postgres(ql)?:\/\//.test(location)) {
      const pool = new pg.Pool({ connectionString: location, max: 8 })
      // An idle connection that the server ends (as when it restarts) is no reason to end with it; the next query opens another.
      pool.on('error', () => {})
      const database = drizzlePg(pool, { schema })
      await migratePg(database, MIGRATIONS)
      return { database, close: () => pool.end() }
    }
    // An empty database comes ready-made: making one takes PGlite seconds.
    const client = await PGlite.create(location, existsSync(join(location, 'PG_VERSION')) ? {} : { loadDataDir: await emptyDatabase() })
    const database = drizzlePglite(client, { schema })
    await migratePglite(database, MIGRATIONS)
    return { database, close: () => client.close() }
  } catch (cause) {
    throw new CloisterError('database-unreachable', `The index database at ${location.replace(/\/\/[^@]*@/, '//…@')} can not be opened.`, {
      hint: 'Start PostgreSQL, or delete the folder: the index is built again from the chain.',
      cause,
    })
  }
}
