import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, posix } from 'node:path'
import { CloisterError } from '@cloister/core'
import ignore from 'ignore'

/** What a folder may have that is sent as a whole. */
const BOUNDS = { entries: 100_000, depth: 64, bytes: 64 * 1024 ** 3 }
/** In the folder that is mounted: patterns of what isn't taken along, as in `.gitignore`. */
const IGNORE_FILE = '.cloisterignore'
const LEAVE_OUT = `Leave it out: name it in ${IGNORE_FILE} of that folder, or under x-exclude of the mount.`

/** One entry of a folder; `path` is relative to it. */
export interface TreeEntry {
  kind: 'file' | 'folder' | 'link'
  path: string
  /** Of a file. */
  bytes: number
  mode: number
  /** Of a link: what it says. */
  target: string
}

/** What a folder takes along, sorted by path. */
export interface Tree {
  entries: TreeEntry[]
  bytes: number
  /** Paths of what isn't taken along though nobody excluded it: `.git`, sockets and the like. */
  leftOut: string[]
  /** Paths of links that lead out of the folder. */
  stray: string[]
}

/**
 * All of a folder, without what its `.cloisterignore` and `exclude` name; later patterns count more, and
 * `!` takes something back in. `.git` is left out unless it is taken back in. `name` is the folder's for
 * messages. Throws `too-large` and `no-file`.
 */
export function readTree(root: string, name: string, exclude: readonly string[]): Tree {
  const rules = ignore({ ignorecase: false })
    .add(readRules(join(root, IGNORE_FILE)))
    .add([...exclude])
  const tree: Tree = { entries: [], bytes: 0, leftOut: [], stray: [] }
  const visit = (below: string, depth: number) => {
    if (depth > BOUNDS.depth)
      throw tooLarge(name, `is nested deeper than ${BOUNDS.depth} folders at ${below.slice(0, 100)}`)
    for (const base of readFolder(join(root, below), `${name}/${below}`)) {
      const path = below === '' ? base : `${below}/${base}`
      if (path === IGNORE_FILE) continue
      const stat = lstatSync(join(root, path), { throwIfNoEntry: false })
      if (!stat) continue
      const { ignored, unignored } = rules.test(stat.isDirectory() ? `${path}/` : path)
      if (ignored) continue
      const isOther = !stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink()
      if (isOther || (base === '.git' && !unignored)) {
        tree.leftOut.push(path)
        continue
      }
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'link'
      const target = kind === 'link' ? readlinkSync(join(root, path)) : ''
      if (kind === 'link' && leadsOut(path, target)) tree.stray.push(path)
      const bytes = kind === 'file' ? stat.size : 0
      tree.entries.push({ kind, path, bytes, mode: stat.mode & 0o777, target })
      tree.bytes += bytes
      if (tree.entries.length > BOUNDS.entries)
        throw tooLarge(name, `has more than ${BOUNDS.entries} files and folders`)
      if (tree.bytes > BOUNDS.bytes) throw tooLarge(name, `has more than ${BOUNDS.bytes / 1024 ** 3} GiB`)
      if (kind === 'folder') visit(path, depth + 1)
    }
  }
  visit('', 1)
  // What is in a folder comes right after it.
  const keyOf = ({ path }: TreeEntry) => path.replaceAll('/', '\0')
  tree.entries.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return tree
}

function readRules(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isFile() ? readFileSync(path, 'utf8') : ''
}

function readFolder(path: string, name: string): string[] {
  try {
    return readdirSync(path)
  } catch (cause) {
    throw new CloisterError(
      'no-file',
      `${name} can not be read (${(cause as NodeJS.ErrnoException).code}).`,
      {
        hint: LEAVE_OUT,
        cause,
      },
    )
  }
}

/** Whether a link says something that isn't below the folder. */
function leadsOut(path: string, target: string): boolean {
  const inside = posix.normalize(posix.join(posix.dirname(path), target))
  return target.startsWith('/') || inside === '..' || inside.startsWith('../')
}

function tooLarge(name: string, why: string): CloisterError {
  return new CloisterError('too-large', `${name} ${why}.`, { hint: LEAVE_OUT })
}
