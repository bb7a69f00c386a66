// Makes an empty embedded database in a folder and ends: node make.ts FOLDER
// A process of its own, since unpacking takes memory that a process which stays would never give back.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { extract } from 'tar'

/** A folder as PostgreSQL's `initdb` leaves it, which comes beside that package's program. */
const EMPTY = new URL('prepopulatedfs.tgz', import.meta.resolve('@electric-sql/pglite-prepopulatedfs'))

const folder = process.argv[2] ?? 'index'
mkdirSync(folder, { recursive: true })
// It runs alone, so nothing waits for it; and one file after another takes half the processor time.
extract({ file: fileURLToPath(EMPTY), cwd: folder, sync: true })
