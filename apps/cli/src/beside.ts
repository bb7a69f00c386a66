import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { type Beside, CloisterError, MAX_BESIDE_BYTES } from '@cloister/core'
import { readTree } from './wishes/tree.ts'

const MOST_FILES = 256
/** Bytes of one file that is read whole; what of it goes into a manifest is bounded there. */
const MOST_BYTES = 1024 * 1024

/** Where a Compose file lies, and how far up it may name files. */
export interface Place {
  folder: string
  /** `folder` itself or one above it. */
  root: string
}

/**
 * A file's place. Its project is the git repository that it lies in, as `docker/compose.yaml` mounts
 * `../src`; without one it is the file's own folder. A home as a whole is nobody's project.
 */
export function placeOf(folder: string): Place {
  const own = realpathSync(folder)
  const home = realpathSync(homedir())
  for (let root = own; root !== dirname(root); root = dirname(root)) {
    if (home === root || home.startsWith(`${root}/`)) break
    if (existsSync(join(root, '.git'))) return { folder, root }
  }
  return { folder, root: own }
}

/**
 * What lies at a path that a Compose file names, relative to its folder; undefined if nothing does. What
 * matches a pattern of `exclude`, or of a folder's `.cloisterignore`, is not there. Throws `outside` for what
 * isn't in the project or is in its `.git`, links followed, and `too-large` for what can't be sent either.
 */
export function lookBeside(
  { folder, root }: Place,
  name: string,
  exclude: readonly string[] = [],
): Beside | undefined {
  const path = isAbsolute(name) ? name : join(folder, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  checkInside(root, path, name)
  const mode = stat.mode & 0o777
  if (stat.isFile()) {
    if (stat.size > MOST_BYTES) return { kind: 'large-file', bytes: stat.size, mode }
    return { kind: 'file', content: readFileSync(path), mode }
  }
  if (!stat.isDirectory()) throw new CloisterError('not-a-file', `${name} is neither a file nor a folder.`)
  return folderOf(path, name, exclude)
}

/** A folder's files, where a manifest can hold them and they are all there is. */
function folderOf(path: string, name: string, exclude: readonly string[]): Beside {
  const { entries, bytes, leftOut, stray } = readTree(path, name, exclude)
  const files = entries.filter(({ kind }) => kind === 'file')
  // What is in a folder comes right after it.
  const isPlain = entries.every(
    (entry, index) =>
      entry.kind === 'file' ||
      (entry.kind === 'folder' && entries[index + 1]?.path.startsWith(`${entry.path}/`)),
  )
  if (!isPlain || bytes > MAX_BESIDE_BYTES || files.length > MOST_FILES)
    return { kind: 'tree', leftOut, stray }
  return {
    kind: 'folder',
    files: files.map((file) => ({
      path: file.path,
      content: readFileSync(join(path, file.path)),
      mode: file.mode,
    })),
    leftOut,
  }
}

/** Whether what is at a path lies in a folder, links followed. Both have to be there. */
export function isInside(folder: string, path: string): boolean {
  const inside = relative(realpathSync(folder), realpathSync(path))
  return inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside)
}

/** Whether what is at a path of a folder lies in a `.git`, links followed. */
export function isInGit(folder: string, path: string): boolean {
  return relative(realpathSync(folder), realpathSync(path)).split('/').includes('.git')
}

function checkInside(root: string, path: string, name: string): void {
  if (!isInside(root, path))
    throw new CloisterError('outside', `The file names ${name}, which lies outside its project.`, {
      hint: 'Move or copy it beside the file. What is in the same git repository comes along too.',
    })
  // Whoever wrote the file needn't be who cloned it, with a login in the address.
  if (isInGit(root, path))
    throw new CloisterError('outside', `The file names ${name}, which lies in .git, where logins are kept.`, {
      hint: 'Copy what it needs of that beside the file.',
    })
}
