import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { packedProgram } from '@cloister/packed'

const MAKE = packedProgram(join(import.meta.dirname, 'make.ts'))
const execute = promisify(execFile)

/** Makes an empty embedded database in a folder that isn't there. One that was cut short is begun anew. */
export async function makeEmpty(folder: string): Promise<void> {
  const work = `${folder}.new`
  await unpack(work)
  await rename(work, folder)
}

/**
 * Unpacks into a folder what `initdb` leaves, which comes as an archive. tar(1) takes a third of the
 * processor time; where there is none that does it, a process of our own does: it takes memory that a
 * process which stays would never give back.
 */
async function unpack(folder: string): Promise<void> {
  const archive = new URL('prepopulatedfs.tgz', import.meta.resolve('@electric-sql/pglite-prepopulatedfs'))
  await makeAnew(folder)
  try {
    await execute('tar', ['-xzf', fileURLToPath(archive), '--no-same-owner', '-C', folder])
  } catch {
    await makeAnew(folder)
    await execute(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      MAKE,
      fileURLToPath(archive),
      folder,
    ])
  }
}

async function makeAnew(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
}

/**
 * Makes an index's embedded database ahead of its first start, which takes a second less then. Leaves one
 * that is there alone.
 */
export async function prepareDatabase(folder: string): Promise<void> {
  if (!existsSync(folder)) await makeEmpty(folder)
}
