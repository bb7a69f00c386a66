import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core/errors'

const MAX_LINKS = 40
/** Longest table of users or groups that is looked at. */
const MAX_TABLE_BYTES = 1024 * 1024
/** Ids that a container has: as many as its lease maps. */
export const ID_COUNT = 65_536

/** Who a container's processes run as, in its own numbers. */
export interface ContainerUser {
  uid: number
  gid: number
  additionalGids: number[]
}

/**
 * Resolves a path inside a root folder as a process confined to it would, following symbolic links without
 * ever leaving the root. The result is relative to the root, starts with `/`, and has no links in its
 * existing part. Nobody may be changing the tree meanwhile.
 */
export async function resolveInRoot(root: string, path: string): Promise<string> {
  const pending = path.split('/').filter(Boolean)
  const done: string[] = []
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() ?? ''
    if (part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const stat = await lstatIfThere(join(root, ...done, part))
    if (!stat?.isSymbolicLink()) {
      done.push(part)
      continue
    }
    if (++links > MAX_LINKS)
      throw new CloisterError('bad-image', `The path ${path} has too many symbolic links.`)
    const target = await readlink(join(root, ...done, part))
    if (target.startsWith('/')) done.length = 0
    pending.unshift(...target.split('/').filter(Boolean))
  }
  return `/${done.join('/')}`
}

/**
 * Numeric user and groups of an image's `USER` (OCI image specification, "config.User"), looked up in the
 * root's own /etc/passwd and /etc/group; `groups` are names or numbers of further ones. Throws `bad-image`.
 */
export async function resolveUser(
  root: string,
  user: string,
  groups: readonly string[] = [],
): Promise<ContainerUser> {
  const [name = '', group] = user.split(':')
  const passwd = await readTable(root, '/etc/passwd')
  const table = await readTable(root, '/etc/group')
  const wanted = name === '' ? '0' : name
  const entry = passwd.find((row) => row[0] === wanted) ?? passwd.find((row) => row[2] === wanted)
  const groupId = (text: string) => numberOf(table.find((row) => row[0] === text)?.[2]) ?? numberOf(text)
  const uid = numberOf(entry?.[2]) ?? numberOf(wanted)
  const gid = group === undefined || group === '' ? (numberOf(entry?.[3]) ?? 0) : groupId(group)
  if (uid === undefined || gid === undefined)
    throw new CloisterError('bad-image', `The image has no user ${user}.`)
  // A named group replaces those that list the user, as under Docker.
  const listed =
    group !== undefined && group !== ''
      ? []
      : table.filter((row) => (row[3] ?? '').split(',').includes(entry?.[0] ?? '\0'))
  const additional = [...listed.map((row) => numberOf(row[2])), ...groups.map(groupId)]
  const missing = groups.find((_, index) => additional.at(index - groups.length) === undefined)
  if (missing !== undefined) throw new CloisterError('bad-image', `The image has no group ${missing}.`)
  return {
    uid,
    gid,
    additionalGids: [...new Set(additional.filter((id) => id !== undefined))].filter((id) => id !== gid),
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,5}$/.test(text) && !text.includes('\n') && Number(text) < ID_COUNT
    ? Number(text)
    : undefined
}

async function readTable(root: string, path: string): Promise<string[][]> {
  const where = join(root, await resolveInRoot(root, path))
  // A pipe in its place would keep us waiting.
  if (!(await lstatIfThere(where))?.isFile()) return []
  const file = await open(where, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const buffer = Buffer.alloc(MAX_TABLE_BYTES)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .map((line) => line.split(':'))
  } finally {
    await file.close()
  }
}

function lstatIfThere(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}
