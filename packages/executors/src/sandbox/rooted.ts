import { lstat, mkdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core/errors'

const MAX_LINKS = 40

/**
 * Resolves a path inside a root folder as a process confined to it would, following symbolic links without ever leaving
 * the root. The result is relative to the root, starts with `/`, and has no links in its existing part.
 */
async function resolveInRoot(root: string, path: string): Promise<string> {
  const pending = path.split('/').filter(Boolean)
  const done: string[] = []
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() ?? ''
    if (part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const stat = await lstat(join(root, ...done, part)).catch(() => undefined)
    if (!stat?.isSymbolicLink()) {
      done.push(part)
      continue
    }
    if (++links > MAX_LINKS) throw new CloisterError('bad-image', `The path ${path} has too many symbolic links.`)
    const target = await readlink(join(root, ...done, part))
    if (target.startsWith('/')) done.length = 0
    pending.unshift(...target.split('/').filter(Boolean))
  }
  return `/${done.join('/')}`
}

/** Makes sure that a folder or an empty file is there to mount over; returns its resolved path inside the root. */
export async function makeMountPoint(root: string, path: string, kind: 'folder' | 'file'): Promise<string> {
  const resolved = await resolveInRoot(root, path)
  const host = join(root, resolved)
  if (kind === 'folder') await mkdir(host, { recursive: true })
  else {
    await mkdir(join(host, '..'), { recursive: true })
    await writeFile(host, '', { flag: 'a' })
  }
  return resolved
}

/** Numeric user and group of an image's `USER`, looked up in its own /etc/passwd and /etc/group. Throws `bad-image`. */
export async function resolveUser(root: string, user: string): Promise<{ uid: number; gid: number }> {
  const [name = '', group] = user.split(':')
  if (name === '') return { uid: 0, gid: 0 }
  const passwd = await readTable(root, '/etc/passwd')
  const entry = passwd.find((row) => row[0] === name || row[2] === name)
  const uid = Number(/^\d{1,7}$/.test(name) ? name : entry?.[2])
  const groups = group === undefined ? [] : await readTable(root, '/etc/group')
  const gid = group === undefined ? Number(entry?.[3] ?? 0) : Number(/^\d{1,7}$/.test(group) ? group : groups.find((row) => row[0] === group)?.[2])
  if (!Number.isInteger(uid) || !Number.isInteger(gid)) throw new CloisterError('bad-image', `The image has no user ${user}.`)
  return { uid, gid }
}

async function readTable(root: string, path: string): Promise<string[][]> {
  const text = await readFile(join(root, await resolveInRoot(root, path)), 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(0, 10_000)
    .map((line) => line.split(':'))
}
