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
import { askForTakings } from './ask-takings.ts'
import { lookBeside } from './beside.ts'
import type { ManifestOptions } from './options.ts'
import { type AskForTakings, Permissions, placeOf } from './permissions.ts'
import { projectFiles, projectName } from './project-files.ts'
import { secretsTaken } from './taken-secrets.ts'
import { grantWishes } from './wishes/index.ts'
import type { WishOptions } from './wishes/options.ts'

/** A file's manifest, and what is sent to the worker beside it. */
export interface ManifestFile extends ParsedManifest {
  /** Where it was read from; others were put over it. */
  path: string
  contents: SentContent[]
}

/**
 * Reads a Compose or SDL file with what it refers to; without a path, the one that is here. What it wishes
 * for is built, packed and read. What isn't its project's is taken once the person at the terminal allows it,
 * or said so by `--allow`; with --json or --yes nobody is asked. Throws `outside`, and what is wrong with it.
 */
export async function readManifestFile(
  path: string | undefined,
  options: ManifestOptions & { yes?: boolean },
  quiet: boolean,
  told: Pick<WishOptions, 'onGranted' | 'onBuild'> & { ask?: AskForTakings } = {},
): Promise<ManifestFile> {
  const { ask = quiet || options.yes === true ? undefined : askForTakings(), ...others } = told
  const permissions = new Permissions(options.allow, ask)
  const project = await permissions.reading(() => openProject(path, options, quiet, permissions))
  const parsed = await permissions.reading(() => project.parse(() => undefined))
  const without = (names: readonly string[]) => project.parse(() => undefined, names)
  await permissions.require(secretsTaken(parsed, without))
  if (!quiet)
    for (const warning of parsed.warnings)
      warn(`${warning.file}:${warning.line} ${warning.field}: ${warning.message}`)
  if (parsed.wishes.length === 0) return { ...parsed, path: project.path, contents: [] }
  const { granted, contents } = await grantWishes(parsed.wishes, {
    folder: dirname(project.path),
    quiet,
    builder: options.builder,
    permissions,
    ...others,
  })
  return { ...project.parse(granted), path: project.path, contents }
}

interface Project {
  path: string
  /** Parses its files, given what their wishes came to; with variables of the environment left out. */
  parse(granted: NonNullable<ParseOptions['granted']>, without?: readonly string[]): ParsedManifest
}

function openProject(
  named: string | undefined,
  options: ManifestOptions,
  quiet: boolean,
  permissions: Permissions,
): Project {
  const outer = Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  const variablesOf = (folder: string) => readVariables(folder, options.envFile, outer, quiet, permissions)
  const isNamed = named !== undefined || options.file !== undefined
  const files = projectFiles(named, options.file, isNamed ? {} : variablesOf('.'))
  const [path, ...others] = files.paths
  const folder = dirname(path)
  // Only what the person names who deploys it may lie elsewhere.
  if (isNamed || !Object.hasOwn(outer, 'COMPOSE_FILE'))
    for (const found of files.found)
      permissions.requirePath(placeOf(isNamed ? folder : '.'), found, found, 'Name it with -f')
  const text = readText(path)
  const over = others.map((other) => ({ file: relative(folder, other), text: readText(other) }))
  if (files.note !== undefined && !quiet) note(paint('dim', printable(files.note), process.stderr))
  const ownEnv = variablesOf(folder)
  const place = placeOf(folder)
  const looked = new Map<string, Beside | undefined>()
  const look = (name: string, exclude: readonly string[]) => {
    const key = JSON.stringify([name, ...exclude])
    if (!looked.has(key)) looked.set(key, lookBeside(place, name, exclude, permissions))
    return looked.get(key)
  }
  const parse = (granted: NonNullable<ParseOptions['granted']>, without: readonly string[] = []) => {
    const rest = Object.fromEntries(Object.entries(outer).filter(([name]) => !without.includes(name)))
    const env =
      without.length === 0 ? ownEnv : readVariables(folder, options.envFile, rest, true, permissions)
    const profiles = options.profile ?? env['COMPOSE_PROFILES']?.split(',').map((name) => name.trim())
    const called = env['COMPOSE_PROJECT_NAME']
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
  permissions: Permissions,
): Record<string, string> {
  const beside = join(folder, '.env')
  const file = envFile ?? (existsSync(beside) ? beside : undefined)
  if (file === undefined) return outer
  if (file === beside) permissions.requirePath(placeOf(folder), beside, beside, 'Name it with --env-file')
  const lookUp = (name: string) => (Object.hasOwn(outer, name) ? outer[name] : undefined)
  const unset = (name: string, line: number) => {
    if (!quiet) warn(`${file}:${line}: the variable ${name} is not set and stands for nothing`)
  }
  return { ...parseDotenv(file, readText(file), lookUp, unset), ...outer }
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
