import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readlink, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ID_COUNT } from './user.ts'

/**
 * Ids from here on belong to nobody: above those of systemd's containers, below its "foreign" ones (systemd,
 * "Users, Groups, UIDs and GIDs on systemd Systems").
 */
export const FIRST_ID = 1_879_048_192
const RANGES = 4_094
/** What is taken, on the whole machine: a link for each range, to the lease's folder. */
const TAKEN = '/run/cloister/ids'

/**
 * Takes a range of user ids of this machine that no other lease has; gives the first one. Asked again, gives
 * the same.
 */
export async function takeIds(leaseFolder: string): Promise<number> {
  await mkdir(TAKEN, { recursive: true, mode: 0o700 })
  const record = join(leaseFolder, 'first-id')
  const before = Number(await readFile(record, 'utf8').catch(() => ''))
  // The owners of a lease's files stay what they are, also after the machine was started anew.
  if (before > 0) {
    await symlink(leaseFolder, linkOf(before)).catch(() => {})
    return before
  }
  const start = createHash('sha256').update(leaseFolder).digest().readUInt32BE() % RANGES
  for (let step = 0; step < RANGES; step++) {
    const first = FIRST_ID + ((start + step) % RANGES) * ID_COUNT
    if (!(await take(first, leaseFolder))) continue
    await writeFile(`${record}.new`, String(first))
    await rename(`${record}.new`, record)
    return first
  }
  throw new Error('all ranges of user ids are taken')
}

/** Gives back what a lease has taken. */
export async function giveIds(leaseFolder: string): Promise<void> {
  const first = Number(await readFile(join(leaseFolder, 'first-id'), 'utf8').catch(() => ''))
  if (first > 0 && (await readlink(linkOf(first)).catch(() => '')) === leaseFolder)
    await unlink(linkOf(first)).catch(() => {})
}

async function take(first: number, leaseFolder: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await symlink(leaseFolder, linkOf(first))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await readlink(linkOf(first)).catch(() => undefined)
    if (holder === leaseFolder) return true
    if (holder === undefined || existsSync(holder)) return false
    // The lease that had it is gone.
    await unlink(linkOf(first)).catch(() => {})
  }
  return false
}

function linkOf(first: number): string {
  return join(TAKEN, String(first))
}
