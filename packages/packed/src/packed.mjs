// Finds the packed form of a program. Plain JavaScript, since it is what a command reads first.
import { readFileSync, statSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { join, relative } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../../..')

/** By then a program has read what it reads when it starts. */
const STARTED_MS = 60_000

/** The folder, below a project's, that keeps packed programs and compiled code. */
export function packedFolder(root = ROOT) {
  return join(root, 'node_modules', '.cache', 'cloister')
}

/** The file that tells where each program's packed form is, and what it was made of. */
export function packedIndex(root = ROOT) {
  return join(packedFolder(root), 'packed.json')
}

export function keepCompiledCode() {
  nodeModule.enableCompileCache(join(packedFolder(), 'compiled'))
}

export function giveBackAfterStart() {
  setTimeout(() => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')({ type: 'major' })
  }, STARTED_MS).unref()
}

export function packedProgram(source, root = ROOT) {
  return programsOf(root)?.[relative(root, source)] ?? source
}

/** Whether the packed programs are made of the sources as they are now. */
export function isPacked(root = ROOT) {
  return programsOf(root) !== undefined
}

/** What tells whether a file has changed: its size and time of last change, in nanoseconds. */
export function stampOf(path) {
  const { size, mtimeNs } = statSync(path, { bigint: true })
  return `${size} ${mtimeNs}`
}

function programsOf(root) {
  try {
    const { node, programs, stamps } = JSON.parse(readFileSync(packedIndex(root), 'utf8'))
    const same =
      node === process.version &&
      Object.entries(stamps).every(([path, stamp]) => stampOf(join(root, path)) === stamp)
    return same
      ? Object.fromEntries(
          Object.entries(programs).map(([source, path]) => [source, join(packedFolder(root), path)]),
        )
      : undefined
  } catch {
    // Never packed, or a file of it is gone.
    return undefined
  }
}
