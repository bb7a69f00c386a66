import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
/** Tests, and what only tests and people run, may import upwards. */
const FOR_TESTS = /\.test\.ts$|(^|\/)testing(\/|\.ts$)|\/whole-machine\/|^packages\/attest\/peer\//
const IMPORT = /(?:^|[^.\w])(?:import|export)\s+(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/gm

/** A source file of a package. */
export interface Source {
  /** From the repository's root. */
  path: string
  /** Folder of its package under `packages`, `services` or `apps`, or `contracts`. */
  package: string
  /** Without comments. */
  text: string
  /** Files of its own package, by path. */
  files: string[]
  /** Other packages of this repository, by folder. */
  packages: string[]
}

/** Reads the sources that ship: those of all packages and apps, without their tests. */
export function readSources(): Source[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-co', '--exclude-standard', 'packages', 'services', 'apps', 'contracts'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  ).split('\n')
  const folders = new Map(
    listed
      .filter((path) => /^((packages|services|apps)\/[^/]+|contracts)\/package\.json$/.test(path))
      .map((path) => [JSON.parse(readFileSync(join(ROOT, path), 'utf8')).name as string, dirname(path)]),
  )
  const paths = listed.filter(
    (path) =>
      /^((packages|services|apps)\/[^/]+\/src|contracts\/deploy)\/.*\.m?ts$/.test(path) &&
      !FOR_TESTS.test(path),
  )
  return paths.flatMap((path) => {
    let read: string
    try {
      read = readFileSync(join(ROOT, path), 'utf8')
    } catch {
      // Deleted, and not committed yet.
      return []
    }
    const text = read.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '$1')
    const names = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '')
    return {
      path,
      package: packageOf(path),
      text,
      files: names.filter((name) => name.startsWith('.')).map((name) => posix.join(dirname(path), name)),
      packages: names.flatMap((name) => {
        const folder = folders.get(/^(@cloister\/[^/]+|cloister$)/.exec(name)?.[0] ?? '')
        return folder === undefined ? [] : [packageOf(`${folder}/`)]
      }),
    }
  })
}

function packageOf(path: string): string {
  return path.replace(/^(packages|services|apps)\//, '').split('/')[0] ?? ''
}
