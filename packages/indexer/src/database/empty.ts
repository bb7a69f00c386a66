import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packedProgram } from '@cloister/packed'

const MAKE = packedProgram(join(import.meta.dirname, 'make.ts'))

/** Makes an empty embedded database in a folder that isn't there. One that was cut short is begun anew. */
export async function makeEmpty(folder: string): Promise<void> {
  const work = `${folder}.new`
  await rm(work, { recursive: true, force: true })
  await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', MAKE, work])
  await rename(work, folder)
}

/**
 * Makes an index's embedded database ahead of its first start, which takes a second less then. Leaves one
 * that is there alone.
 */
export async function prepareDatabase(folder: string): Promise<void> {
  if (!existsSync(folder)) await makeEmpty(folder)
}
