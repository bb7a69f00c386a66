// Finds the packed form of a program. Plain JavaScript, since it is what a command reads first.
import { join, relative } from 'node:path'

// An import of them would read all that they export, such as promises of files and a line editor with them.
const { readFileSync, statSync } = process.getBuiltinModule('node:fs')
const { enableCompileCache } = process.getBuiltinModule('node:module')

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
  enableCompileCache(join(packedFolder(), 'compiled'))
}

export function giveBackAfterStart() {
  setTimeout(async () => {
    // Read here: a command would wait for both.
    const [v8, vm] = await Promise.all([import('node:v8'), import('node:vm')])
    v8.setFlagsFromString('--expose-gc')
    vm.runInNewContext('gc')({ type: 'major' })
  }, STARTED_MS).unref()
}

export function packedProgram(source, { root = ROOT, command = '' } = {}) {
  const index = readIndex(root)
  const name = relative(root, source)
  const program = index?.programs[`${name} ${command}`] ?? index?.programs[name]
  return program && areAsPacked(index.sources, program.sources, root)
    ? `${packedFolder(root)}/${program.file}`
    : source
}

/** Whether the packed programs are made of the sources as they are now. */
export function isPacked(root = ROOT) {
  const index = readIndex(root)
  return index !== undefined && areAsPacked(index.sources, index.sources.keys(), root)
}

/** What tells whether a file has changed: its size and time of last change. Throws where there is none. */
export function stampOf(path) {
  const { size, mtimeMs } = statSync(path)
  return `${size} ${mtimeMs}`
}

/** Undefined where programs were never packed, or for another Node or by an earlier edition of this. */
function readIndex(root) {
  try {
    const index = JSON.parse(readFileSync(packedIndex(root), 'utf8'))
    return index.node === process.version && index.sources ? index : undefined
  } catch {
    return undefined
  }
}

/** Whether sources are what was packed, by number. A command waits for this: no path is normalised. */
function areAsPacked(sources, numbers, root) {
  try {
    for (const number of numbers) {
      const [path, stamp] = sources[number]
      if (stampOf(`${root}/${path}`) !== stamp) return false
    }
    return true
  } catch {
    // A source is gone.
    return false
  }
}
