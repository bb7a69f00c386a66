// Makes an empty embedded database in a folder and ends: node make.ts FOLDER
// A process of its own, since unpacking takes 350 MB that a process which stays would never give back.
import { PGlite } from '@electric-sql/pglite'
import { dataDir } from '@electric-sql/pglite-prepopulatedfs'

const client = await PGlite.create(process.argv[2] ?? 'index', { loadDataDir: await dataDir() })
await client.close()
