import { stringify } from 'yaml'
import { utf8 } from '../../bytes.ts'
import { toCanonicalJson } from '../canonical.ts'
import { parseManifest } from '../parse.ts'
import type { Beside } from '../parse-options.ts'
import { ManifestError } from '../source.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Step = string | number

/** A place of a schema, such as `services.*.ports[].target`, and one kind of value that may stand there. */
export interface Place {
  path: string
  kind: string
  /** All that may stand there. */
  kinds: string[]
}

/**
 * What becomes of a key: it changes the manifest, a warning names its line, or the file is refused by line.
 */
export type Fate = 'honoured' | 'warned' | 'refused' | 'SILENT'

/** How a language's files are made for a walk through its schema. */
export interface Language {
  file: string
  /** A file that converts without a warning that matters. */
  plain: () => Json
  /** Names in place of `*`, by the place that is tried or by the key before; `k` elsewhere. */
  names: Record<string, string>
  /** What a mapping has beside the key that is tried. */
  beside: (mapping: string, tried: string) => { [key: string]: Json } | undefined
  /**
   * Values to try, by path. A number or truth value is tried in quotes as well; what isn't here is tried
   * with any value.
   */
  values: Record<string, Json[]>
  /** Another value for keys that can't be left out. */
  others: Record<string, Json>
  files: Record<string, string>
}

const ALSO: Record<string, string[]> = { number: ['integer'], 'mapping+': ['mapping'] }

/** The lines of a schema's list (`scripts/schema-keys.ts`). */
export function readPlaces(text: string): Place[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => {
      const [path = '', kinds = ''] = line.split(': ')
      const all = kinds.split(' ')
      return all.map((kind) => ({ path, kind, kinds: all }))
    })
}

/** Places where a value is tried as it is: those with nothing below, and scalars beside what has. */
export function leaves(places: Place[]): Place[] {
  return places.filter(({ path, kind }) => {
    if (kind === 'list') return !places.some((other) => other.path.startsWith(`${path}[]`))
    if (kind.startsWith('mapping')) return !places.some((other) => other.path.startsWith(`${path}.`))
    return kind !== 'null'
  })
}

/** Mappings that know their keys. */
export function mappings(places: Place[]): string[] {
  const knows = (path: string) =>
    places.some((other) => other.path.startsWith(`${path}.`) && !other.path.startsWith(`${path}.*`))
  return places.flatMap(({ path, kind }) => (kind.startsWith('mapping') && knows(path) ? [path] : []))
}

/**
 * What becomes of a key with a value of one kind: the file with it is compared with the file without it, or
 * with another value.
 */
export function fateOf(language: Language, place: Place): Fate {
  const { path } = place
  const steps = stepsOf(path, language)
  const name = nameOf(steps)
  const after = read(language, put(language, path, steps, valueFor(language, place)))
  const isTold = (told: { field: string; line: number }) => isPlaceOf(told.field, name) && after.tells(told)
  if (after.refused) return isTold(after.refused) ? 'refused' : 'SILENT'
  // A whole that is ignored says so whatever is in it.
  if (after.warnings.some((warning) => isTold(warning) && warning.message.startsWith('ignored')))
    return 'warned'
  const other = language.others[path]
  const before = read(language, put(language, path, steps, other))
  if (before.refused && other === undefined)
    throw new Error(`${path} has nothing to be compared with: ${before.refused.message}`)
  if (after.manifest !== before.manifest) return 'honoured'
  const isNew = ({ field, message }: { field: string; message: string }) =>
    !before.warnings.some((warning) => field === warning.field && message === warning.message)
  return after.warnings.some(
    (warning) => isTold(warning) && warning.field.length >= name.length && isNew(warning),
  )
    ? 'warned'
    : 'SILENT'
}

/** The file with a value at a path. */
export function put(
  language: Language,
  path: string,
  steps: Step[],
  value: Json | undefined,
  root = language.plain(),
): Json {
  let at: Json = root
  let place = ''
  const schemaSteps = path.replaceAll('[]', '.[]').split('.')
  for (const [index, step] of steps.entries()) {
    const written = schemaSteps[index] ?? ''
    place = written === '[]' ? `${place}[]` : place === '' ? written : `${place}.${written}`
    if (index === steps.length - 1) {
      if (value !== undefined) assign(at, step, value)
      else if (Array.isArray(at)) at.length = 0
      else delete (at as { [key: string]: Json })[step]
      break
    }
    const next = steps[index + 1]
    const found = (at as { [key: string]: Json })[step]
    const fits =
      typeof found === 'object' && found !== null && Array.isArray(found) === (typeof next === 'number')
    const below: Json = fits ? found : typeof next === 'number' ? [] : {}
    if (!Array.isArray(below))
      for (const [key, beside] of Object.entries(language.beside(place, path) ?? {}))
        below[key] ??= structuredClone(beside)
    assign(at, step, below)
    at = below
  }
  return root
}

export function stepsOf(path: string, { names }: Language): Step[] {
  const steps: Step[] = []
  for (const part of path.replaceAll('[]', '.[]').split('.')) {
    if (part === '[]') steps.push(0)
    else if (part !== '*') steps.push(part)
    else
      steps.push(
        Object.entries(names).find(([place]) => place.includes('*') && path.startsWith(place))?.[1] ??
          names[String(steps.at(-1))] ??
          'k',
      )
  }
  return steps
}

/** What a file becomes, as YAML text of one key a line. */
export function read({ file, files }: Language, value: Json) {
  const text = stringify(value, { lineWidth: 0 })
  const lines = text.split('\n')
  /**
   * Whether a message's line is that of the key its place ends with; a list or mapping begins on the line
   * after.
   */
  const tells = ({ field, line }: { field: string; line: number }) => {
    const key =
      field
        .replace(/(?:\[\d+\])+$/, '')
        .split('.')
        .at(-1) ?? ''
    return [lines[line - 1], lines[line - 2]].some(
      (at = '') => at.includes(`${key}:`) || (field.endsWith(']') && at.trimStart().startsWith('- ')),
    )
  }
  const look = (path: string): Beside | undefined =>
    Object.hasOwn(files, path) ? { kind: 'file', content: utf8(files[path] ?? ''), mode: 0o644 } : undefined
  try {
    const { manifest, logins, warnings, wishes } = parseManifest(text, {
      file,
      env: {},
      look,
      granted: () => undefined,
    })
    return {
      text,
      manifest: toCanonicalJson({ ...manifest, logins, wishes }),
      warnings,
      refused: undefined,
      tells,
    }
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    return { text, manifest: '', warnings: [], refused: error, tells }
  }
}

export function valueFor({ values }: Language, { path, kind, kinds }: Place): Json {
  const named = values[path] ?? []
  const found = named.find((value) => [kind, ...(ALSO[kind] ?? [])].includes(kindOf(value)))
  if (found !== undefined) return found
  const [first] = named
  if (kind === 'string' && first !== undefined && first !== null && typeof first !== 'object')
    return String(first)
  if (kind === 'string')
    return kinds.includes('boolean')
      ? 'true'
      : kinds.some((other) => other === 'integer' || other === 'number')
        ? '7'
        : 'x'
  return kind === 'boolean' ? true : kind === 'list' ? ['x'] : kind.startsWith('mapping') ? { a: 'b' } : 7
}

function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object') return 'mapping'
  return typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value
}

function assign(at: Json, step: Step, value: Json): void {
  if (typeof at === 'object' && at !== null) (at as { [key: string]: Json })[step] = value
}

/** As an error names it, `services.web.ports[0].target`. */
export function nameOf(steps: Step[]): string {
  return steps.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  )
}

/** Whether a message stands at a key, below it or at what holds it. */
function isPlaceOf(field: string, name: string): boolean {
  const isIn = (inner: string, outer: string) =>
    inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`)
  return field !== '' && (isIn(field, name) || isIn(name, field))
}
