import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../program.ts'

/**
 * Digest of all that a context holds: paths, contents, whether they can be run. What its `.dockerignore`
 * names plainly at its top is left out, and nothing else: what is in doubt is in.
 */
export async function contextDigest(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const leftOut = await plainlyIgnored(folder)
  await add(hash, folder, '', leftOut)
  return hash.digest('hex')
}

async function add(hash: Hash, root: string, below: string, leftOut: ReadonlySet<string>): Promise<void> {
  const names = await readdir(join(root, below))
  for (const name of names.sort()) {
    const path = below === '' ? name : `${below}/${name}`
    if (leftOut.has(path)) continue
    const found = await lstat(join(root, path))
    const kind = found.isDirectory() ? 'd' : found.isSymbolicLink() ? 'l' : found.isFile() ? 'f' : ''
    if (kind === '') continue
    hash.update(JSON.stringify([kind, path, found.mode & 0o777, kind === 'f' ? found.size : 0]))
    if (kind === 'd') await add(hash, root, path, leftOut)
    else if (kind === 'l') hash.update(await readlink(join(root, path)))
    else for await (const chunk of createReadStream(join(root, path))) hash.update(chunk as Buffer)
  }
}

async function plainlyIgnored(folder: string): Promise<Set<string>> {
  const text = await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => '')
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  if (lines.some((line) => line.startsWith('!'))) return new Set()
  const plain = lines.filter((line) => line !== '' && !/^#|[*?[\\]/.test(line))
  return new Set(plain.map((line) => line.replace(/^\.?\//, '').replace(/\/$/, '')))
}

/**
 * Settings that override a repository's own, which may name programs: somebody else may have written them. A
 * folder inside of a work tree can look like a repository without anybody having made one of it
 * (git-config(1), `safe.bareRepository`).
 */
const CAREFUL_GIT = [
  ...['-c', 'safe.bareRepository=explicit'],
  ...['-c', 'log.showSignature=false'],
  ...['-c', 'core.fsmonitor=false'],
]
/** Objects that a repository lacks would be fetched by programs that it names (git(1)). */
const NO_FETCHING = { GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1', GIT_OPTIONAL_LOCKS: '0' }

/**
 * Seconds since 1970 of the last commit that a context has; 0 where it has none. Runs nothing that its
 * repository names.
 */
export async function sourceDate(folder: string): Promise<number> {
  const asked = await runProgram(
    ['git', ...CAREFUL_GIT, '-C', folder, 'log', '-1', '--format=%ct', '--', '.'],
    { env: NO_FETCHING },
  ).catch(() => undefined)
  return asked?.code === 0 && /^\d{1,12}$/.test(asked.out) ? Number(asked.out) : 0
}
