import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { drizzle, type PgliteDatabase } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { makeEmpty } from './empty.ts'

/**
 * The planner has no statistics here, and without them it would gather a list by several indexes and sort it,
 * where each list is a piece of one index in its order.
 */
const IN_ORDER = ['-c', 'enable_bitmapscan=off']

/**
 * PostgreSQL's usual 128 MiB of shared buffers would all be touched within an hour, in a process that the
 * operating system caches files for anyway.
 */
const SETTINGS = {
  startParams: [
    ...PGlite.defaultStartParams,
    '-c',
    'shared_buffers=4MB',
    '-c',
    'wal_buffers=256kB',
    ...IN_ORDER,
  ],
}

/** Opens a folder's database and brings its tables up to date. */
export async function openEmbedded(
  folder: string,
  migrations: { migrationsFolder: string },
): Promise<{ database: PgliteDatabase; close: () => Promise<void> }> {
  const client = await openClient(folder)
  const database = drizzle(client)
  await migrate(database, migrations)
  return { database, close: () => client.close() }
}

/**
 * Opens a folder's database, made anew where there is none yet or a crash of the machine left one that can't
 * be opened.
 */
async function openClient(folder: string): Promise<PGlite> {
  if (existsSync(join(folder, 'PG_VERSION'))) {
    try {
      return await PGlite.create(folder, SETTINGS)
    } catch {
      // Everything in it is on the chain, and is read from there again.
    }
  }
  await rm(folder, { recursive: true, force: true })
  await makeEmpty(folder)
  return PGlite.create(folder, SETTINGS)
}
