import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import {
  type Beside,
  CloisterError,
  isLeaseName,
  type ParsedManifest,
  type ParseOptions,
  parseDotenv,
  parseManifest,
  type SentContent,
} from '@cloister/core'
import { note, paint, printable } from '@cloister/terminal'
import { isInside, lookBeside, placeOf } from './beside.ts'
import type { ManifestOptions } from './options.ts'
import { projectFiles, projectName } from './project-files.ts'
import { grantWishes } from './wishes/index.ts'
import type { WishOptions } from './wishes/options.ts'

/** A file's manifest, and what is sent to the worker beside it. */
export interface ManifestFile extends ParsedManifest {
  /** Where it was read from; others were put over it. */
  path: string
  contents: SentContent[]
}

/**
 * Reads a Compose or SDL file with what it refers to; without a path, the one that is here. Files it names
 * have to lie in its own folder or below, or in the git repository that this is in. What it wishes for is
 * built, packed and read.
 */
export async function readManifestFile(
  path: string | undefined,
  options: ManifestOptions,
  quiet: boolean,
  told: Pick<WishOptions, 'onGranted' | 'onBuild'> = {},
): Promise<ManifestFile> {
  const project = openProject(path, options, quiet)
  const parsed = project.parse(() => undefined)
  if (!quiet)
    for (const warning of parsed.warnings)
      warn(`${warning.file}:${warning.line} ${warning.field}: ${warning.message}`)
  if (parsed.wishes.length === 0) return { ...parsed, path: project.path, contents: [] }
  const { granted, contents } = await grantWishes(parsed.wishes, {
    folder: dirname(project.path),
    quiet,
    builder: options.builder,
    ...told,
  })
  return { ...project.parse(granted), path: project.path, contents }
}

interface Project {
  path: string
  /** Parses its files, given what their wishes came to. */
  parse(granted: NonNullable<ParseOptions['granted']>): ParsedManifest
}

function openProject(named: string | undefined, options: ManifestOptions, quiet: boolean): Project {
  const outer = Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  const variablesOf = (folder: string) => readVariables(folder, options.envFile, outer, quiet)
  const isNamed = named !== undefined || options.file !== undefined
  const files = projectFiles(named, options.file, isNamed ? {} : variablesOf('.'))
  const [path, ...others] = files.paths
  const folder = dirname(path)
  // Whoever wrote what is here may be somebody else than the person who deploys it. Only what that person
  // names may lie elsewhere.
  if (isNamed || !Object.hasOwn(outer, 'COMPOSE_FILE'))
    for (const found of files.found)
      requireInside(isNamed ? folder : '.', found, 'Name it with -f, or copy it into the folder.')
  const text = readText(path)
  const over = others.map((other) => ({ file: relative(folder, other), text: readText(other) }))
  if (files.note !== undefined && !quiet) note(paint('dim', printable(files.note), process.stderr))
  const env = variablesOf(folder)
  const profiles = options.profile ?? env['COMPOSE_PROFILES']?.split(',').map((name) => name.trim())
  const called = env['COMPOSE_PROJECT_NAME']
  const place = placeOf(folder)
  const looked = new Map<string, Beside | undefined>()
  const look = (name: string, exclude: readonly string[]) => {
    const key = JSON.stringify([name, ...exclude])
    if (!looked.has(key)) looked.set(key, lookBeside(place, name, exclude))
    return looked.get(key)
  }
  const parse = (granted: NonNullable<ParseOptions['granted']>) => {
    const parsed = parseManifest(text, {
      file: relative(folder, path),
      folder: resolve(folder),
      over,
      env,
      project: projectName(resolve(folder)),
      ...(profiles && { profiles }),
      ...(options.group !== undefined && { group: options.group }),
      look,
      granted,
      ...(options.build === false && { builds: false }),
    })
    return called !== undefined && isLeaseName(called) ? { ...parsed, name: called } : parsed
  }
  return { path, parse }
}

/** `.env` of a folder, or the file that stands for it, and before that what is set around the command. */
function readVariables(
  folder: string,
  envFile: string | undefined,
  outer: Record<string, string>,
  quiet: boolean,
): Record<string, string> {
  const beside = join(folder, '.env')
  const file = envFile ?? (existsSync(beside) ? beside : undefined)
  if (file === undefined) return outer
  if (file === beside) requireInside(folder, beside, 'Name it with --env-file, or copy it into the folder.')
  const lookUp = (name: string) => (Object.hasOwn(outer, name) ? outer[name] : undefined)
  const unset = (name: string, line: number) => {
    if (!quiet) warn(`${file}:${line}: the variable ${name} is not set and stands for nothing`)
  }
  return { ...parseDotenv(file, readText(file), lookUp, unset), ...outer }
}

/** Throws `outside` for a file that isn't in a folder or its repository, links followed. */
function requireInside(folder: string, path: string, hint: string): void {
  if (existsSync(path) && !isInside(placeOf(folder).root, path))
    throw new CloisterError('outside', `${path} lies outside of the project, and nobody named it.`, { hint })
}

function warn(message: string): void {
  note(`${paint('yellow', '!', process.stderr)} ${printable(message)}`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new CloisterError(
      'no-file',
      `${path} can not be read${code === 'ENOENT' ? ': there is no such file' : ` (${code})`}.`,
      { cause },
    )
  }
}
