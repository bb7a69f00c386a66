import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { type Beside, CloisterError, MAX_BESIDE_BYTES } from '@cloister/core'

const MOST_FILES = 256
/** Bytes of one file that another one names; what of it goes into a manifest is bounded there. */
const MOST_BYTES = 1024 * 1024

/**
 * What lies at a path that a Compose file names, relative to its folder; undefined if nothing does. Throws
 * `outside` for what isn't in the folder, links followed, and `too-large` for what no manifest can hold.
 */
export function lookBeside(folder: string, name: string): Beside | undefined {
  const path = isAbsolute(name) ? name : join(folder, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  checkInside(folder, path, name)
  if (stat.isFile()) {
    if (stat.size > MOST_BYTES) throw tooLarge(name)
    return { kind: 'file', content: readFileSync(path), mode: stat.mode & 0o777 }
  }
  if (!stat.isDirectory()) throw new CloisterError('not-a-file', `${name} is neither a file nor a folder.`)
  return { kind: 'folder', files: filesOf(folder, path, name) }
}

function filesOf(
  folder: string,
  path: string,
  name: string,
): { path: string; content: Uint8Array; mode: number }[] {
  const files: { path: string; content: Uint8Array; mode: number }[] = []
  let bytes = 0
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(path, entry), { throwIfNoEntry: false })
    if (!stat?.isFile()) continue
    checkInside(folder, join(path, entry), `${name}/${entry}`)
    bytes += stat.size
    if (bytes > MAX_BESIDE_BYTES || files.length >= MOST_FILES) throw tooLarge(name)
    files.push({ path: entry, content: readFileSync(join(path, entry)), mode: stat.mode & 0o777 })
  }
  return files
}

function checkInside(folder: string, path: string, name: string): void {
  const inside = relative(realpathSync(folder), realpathSync(path))
  if (inside === '..' || inside.startsWith('../') || isAbsolute(inside))
    throw new CloisterError('outside', `The file names ${name}, which lies outside its folder.`, {
      hint: 'Move or copy it beside the file.',
    })
}

function tooLarge(name: string): CloisterError {
  return new CloisterError('too-large', `${name} is more than a manifest can hold.`, {
    hint: 'Put it into the image, or fetch it at start.',
  })
}
