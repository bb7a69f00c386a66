import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { type Beside, CloisterError, MAX_BESIDE_BYTES } from '@cloister/core'
import { Permissions, type Place } from './permissions.ts'
import { readTree, type Tree } from './wishes/tree.ts'

const MOST_FILES = 256
/** Bytes of one file that is read whole; what of it goes into a manifest is bounded there. */
const MOST_BYTES = 1024 * 1024

/**
 * What lies at a path that a Compose file names, relative to its folder; undefined if nothing does. What
 * matches a pattern of `exclude`, or of a folder's `.cloisterignore`, is not there. Throws `outside` for what
 * isn't the file's to take, and `too-large` for what can't be sent either.
 */
export function lookBeside(
  place: Place,
  name: string,
  exclude: readonly string[] = [],
  permissions = new Permissions(),
): Beside | undefined {
  const path = isAbsolute(name) ? name : join(place.folder, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  permissions.requirePath(place, path, name)
  const mode = stat.mode & 0o777
  if (stat.isFile()) {
    if (stat.size > MOST_BYTES) return { kind: 'large-file', bytes: stat.size, mode }
    return { kind: 'file', content: readFileSync(path), mode }
  }
  if (!stat.isDirectory()) throw new CloisterError('not-a-file', `${name} is neither a file nor a folder.`)
  const tree = readTree(path, name, exclude)
  // Patterns that take it along stand in the project's own files.
  for (const { path: below } of tree.entries)
    if (/(?:^|\/)\.git$/.test(below)) permissions.requirePath(place, join(path, below), `${name}/${below}`)
  return folderOf(path, tree)
}

/** A folder's files, where a manifest can hold them and they are all there is. */
function folderOf(path: string, { entries, bytes, leftOut, stray }: Tree): Beside {
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
