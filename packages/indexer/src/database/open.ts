import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CloisterError } from '@cloister/core'
import { packedProgram } from '@cloister/packed'
import { PGlite } from '@electric-sql/pglite'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { migrate as migratePg } from 'drizzle-orm/node-postgres/migrator'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'

/** PostgreSQL, in its own server or embedded: one dialect, one set of tables. */
export type Database = PgDatabase<PgQueryResultHKT>
/** A database within a transaction. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]

const MAKE = packedProgram(join(import.meta.dirname, 'make.ts'))
/**
 * PostgreSQL's usual 128 MiB of shared buffers would all be touched within an hour, in a process that the
 * operating system caches files for anyway.
 */
const SMALL = {
  startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=4MB', '-c', 'wal_buffers=256kB'],
}
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
    const client = await openEmbedded(location)
    const database = drizzlePglite(client)
    await migratePglite(database, MIGRATIONS)
    return { database, close: () => client.close() }
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

/**
 * Opens a folder's database, made anew where there is none yet or a crash of the machine left one that can't
 * be opened.
 */
async function openEmbedded(folder: string): Promise<PGlite> {
  if (existsSync(join(folder, 'PG_VERSION'))) {
    try {
      return await PGlite.create(folder, SMALL)
    } catch {
      // Everything in it is on the chain, and is read from there again.
    }
  }
  await rm(folder, { recursive: true, force: true })
  await rm(`${folder}.new`, { recursive: true, force: true })
  await promisify(execFile)(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    MAKE,
    `${folder}.new`,
  ])
  await rename(`${folder}.new`, folder)
  return PGlite.create(folder, SMALL)
}
