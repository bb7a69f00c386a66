import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { CloisterError, type ParsedManifest, parseDotenv, parseManifest } from '@cloister/core'
import { note, paint, printable } from '@cloister/terminal'
import type { Command } from 'commander'

/** Options of every command that takes a Compose or SDL file. */
export interface ManifestOptions {
  envFile?: string
  profile?: string[]
  group?: string
}

export function withManifestOptions(command: Command): Command {
  return command
    .option('--env-file <file>', 'variables for ${…} in the file; default: .env beside it')
    .option('--profile <name...>', 'Compose profiles to switch on')
    .option('--group <name>', 'the SDL placement group to take, where the file has several')
}

/** Reads a Compose or SDL file with what it refers to. Files it names have to lie in its own folder or below. */
export function readManifestFile(path: string, { envFile, profile, group }: ManifestOptions, quiet: boolean): ParsedManifest {
  const text = readText(path)
  const folder = dirname(path)
  const beside = join(folder, '.env')
  const variables = envFile !== undefined ? parseDotenv(envFile, readText(envFile)) : existsSync(beside) ? parseDotenv(beside, readText(beside)) : {}
  const env = { ...variables, ...Object.fromEntries(Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined)) }
  const parsed = parseManifest(text, {
    file: basename(path),
    env,
    ...(profile && { profiles: profile }),
    ...(group !== undefined && { group }),
    readFile: (name) => readInside(folder, name),
  })
  if (!quiet)
    for (const warning of parsed.warnings)
      note(`${paint('yellow', '!', process.stderr)} ${printable(`${warning.file}:${warning.line} ${warning.field}: ${warning.message}`)}`)
  return parsed
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new CloisterError('no-file', `${path} can not be read${code === 'ENOENT' ? ': there is no such file' : ` (${code})`}.`, { cause })
  }
}

function readInside(folder: string, name: string): Uint8Array | undefined {
  const path = isAbsolute(name) ? name : join(folder, name)
  if (!existsSync(path)) return undefined
  const inside = relative(realpathSync(folder), realpathSync(path))
  if (inside.startsWith('..') || isAbsolute(inside))
    throw new CloisterError('outside', `The file names ${name}, which lies outside its folder.`, { hint: 'Move or copy it beside the file.' })
  return readFileSync(path)
}
