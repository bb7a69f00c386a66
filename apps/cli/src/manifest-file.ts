import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  CloisterError,
  type ParsedManifest,
  type ParseOptions,
  parseDotenv,
  parseManifest,
  type SentContent,
} from '@cloister/core'
import { note, paint, printable } from '@cloister/terminal'
import { lookBeside } from './beside.ts'
import type { ManifestOptions } from './options.ts'
import { grantWishes } from './wishes/index.ts'

/** A file's manifest, and what is sent to the worker beside it. */
export interface ManifestFile extends ParsedManifest {
  contents: SentContent[]
}

/**
 * Reads a Compose or SDL file with what it refers to. Files it names have to lie in its own folder or below.
 * What it wishes for is built, packed and read.
 */
export async function readManifestFile(
  path: string,
  options: ManifestOptions,
  quiet: boolean,
): Promise<ManifestFile> {
  const parse = parserOf(path, options, quiet)
  const parsed = parse(() => undefined)
  if (!quiet)
    for (const warning of parsed.warnings)
      warn(`${warning.file}:${warning.line} ${warning.field}: ${warning.message}`)
  if (parsed.wishes.length === 0) return { ...parsed, contents: [] }
  const { granted, contents } = await grantWishes(parsed.wishes, { folder: dirname(path), quiet })
  return { ...parse(granted), contents }
}

/** Parses the file, given what its wishes came to. */
function parserOf(
  path: string,
  { envFile, profile, group }: ManifestOptions,
  quiet: boolean,
): (granted: NonNullable<ParseOptions['granted']>) => ParsedManifest {
  const text = readText(path)
  const folder = dirname(path)
  const beside = join(folder, '.env')
  const outer = Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  const lookUp = (name: string) => (Object.hasOwn(outer, name) ? outer[name] : undefined)
  const file = envFile ?? (existsSync(beside) ? beside : undefined)
  const unset = (name: string, line: number) => {
    if (!quiet) warn(`${file}:${line}: the variable ${name} is not set and stands for nothing`)
  }
  const variables = file === undefined ? {} : parseDotenv(file, readText(file), lookUp, unset)
  const env = { ...variables, ...outer }
  return (granted) =>
    parseManifest(text, {
      file: basename(path),
      env,
      ...(profile && { profiles: profile }),
      ...(group !== undefined && { group }),
      look: (name, exclude) => lookBeside(folder, name, exclude),
      granted,
    })
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
