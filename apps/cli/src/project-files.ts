import { existsSync } from 'node:fs'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { CloisterError } from '@cloister/core'

/** What is read where no file is named, the first that is there. */
const DEFAULT_FILES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yaml',
  'docker-compose.yml',
  'deploy.yaml',
]
/** What Docker Compose puts over a file of such a name, the first that is there beside it. */
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

/** Files that make up what is deployed. */
export interface ProjectFiles {
  /** Paths; later ones are put over the first. */
  paths: [string, ...string[]]
  /** Of these, what nobody named who runs the command: the files around it say so. */
  found: string[]
  /** Which were read without having been named, for people. */
  note?: string
}

/**
 * The files that a command is about: the one that it names, and those of `-f`; else those of `COMPOSE_FILE`,
 * else one of the usual name in `folder`, with the override beside it. Throws `no-file`.
 */
export function projectFiles(
  file: string | undefined,
  others: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  folder = '.',
): ProjectFiles {
  const [first, ...rest] = [...(file === undefined ? [] : [file]), ...others]
  if (first !== undefined && (rest.length > 0 || others.length > 0))
    return { paths: [first, ...rest], found: [] }
  if (first !== undefined) return withOverride(first)
  const listed = env['COMPOSE_FILE']
  if (listed) {
    const separator = env['COMPOSE_PATH_SEPARATOR'] || delimiter
    const [named, ...over] = listed.split(separator).filter((path) => path !== '')
    if (named !== undefined) {
      const at = (path: string) => (isAbsolute(path) ? path : join(folder, path))
      const paths: ProjectFiles['paths'] = [at(named), ...over.map(at)]
      return { paths, found: paths, note: `reading ${[named, ...over].join(' and ')}, as COMPOSE_FILE says` }
    }
  }
  const found = DEFAULT_FILES.find((name) => existsSync(join(folder, name)))
  if (found === undefined)
    throw new CloisterError('no-file', 'No file is named, and there is none here of the usual names.', {
      hint: `Name one, or write ${DEFAULT_FILES[0]}. Looked for: ${DEFAULT_FILES.join(', ')}.`,
    })
  const { paths, note } = withOverride(join(folder, found))
  return { paths, found: paths, note: note ?? `reading ${found}` }
}

/** A file of a usual name with the override that lies beside it. */
function withOverride(path: string): ProjectFiles {
  const name = basename(path)
  if (!DEFAULT_FILES.includes(name) || name === 'deploy.yaml') return { paths: [path], found: [] }
  const override = OVERRIDES.find((other) => existsSync(join(dirname(path), other)))
  if (override === undefined) return { paths: [path], found: [] }
  const over = join(dirname(path), override)
  return {
    paths: [path, over],
    found: [over],
    note: `${override} is put over ${name}, as Docker Compose does; with -f ${name} it is left out`,
  }
}

/** What a project is called after its folder (compose-go, `NormalizeProjectName`). */
export function projectName(folder: string): string {
  return basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}
