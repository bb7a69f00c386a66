import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core/errors'
import { type ContainerUser, findUser, MAX_TABLE_BYTES } from '../user-tables.ts'

const MAX_LINKS = 40
/** Ids that a container has: as many as its lease maps. */
export const ID_COUNT = 65_536

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
 * Numeric user and groups of an image's `USER`, looked up in the root's own /etc/passwd and /etc/group;
 * `groups` are names or numbers of further ones. Throws `bad-image`.
 */
export async function resolveUser(
  root: string,
  user: string,
  groups: readonly string[] = [],
): Promise<ContainerUser> {
  const tables = { passwd: await readTable(root, '/etc/passwd'), group: await readTable(root, '/etc/group') }
  return findUser(tables, user, groups, ID_COUNT)
}

async function readTable(root: string, path: string): Promise<string> {
  const where = join(root, await resolveInRoot(root, path))
  // A pipe in its place would keep us waiting.
  if (!(await lstatIfThere(where))?.isFile()) return ''
  const file = await open(where, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const buffer = Buffer.alloc(MAX_TABLE_BYTES)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function lstatIfThere(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}
