/**
 * Prints what a JSON schema knows, a line for each place: its path and the kinds of values that may stand
 * there. `*` is a name that the writer chooses, `[]` an entry of a list; a mapping that takes other keys as
 * well is `mapping+`. The tests of packages/core/src/manifest walk these lines. To renew them, put what this
 * prints into `schemas/compose-spec.ts` there:
 *
 * @example
 * node scripts/schema-keys.ts compose-spec.json
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

type Schema = Record<string, unknown>

const KINDS: Record<string, string> = { object: 'mapping', array: 'list' }
const [, , file = ''] = process.argv
const root = asSchema(parse(readFileSync(file, 'utf8')))
const places = new Map<string, Set<string>>()
walk(root, '')
for (const [path, kinds] of places) process.stdout.write(`${path}: ${[...kinds].sort().join(' ')}\n`)

function walk(schema: Schema, path: string): void {
  const reference = schema['$ref']
  if (typeof reference === 'string')
    walk(asSchema(root['definitions'], reference.replace('#/definitions/', '')), path)
  // What `allOf` and `if` add in these schemas are conditions on keys that stand elsewhere as well.
  for (const branch of listOf(schema['oneOf'] ?? schema['anyOf'])) walk(asSchema(branch), path)
  if (path !== '') for (const kind of kindsOf(schema)) place(path).add(kind)
  for (const [key, below] of Object.entries(asSchema(schema['properties'])))
    walk(asSchema(below), path === '' ? key : `${path}.${key}`)
  for (const [pattern, below] of Object.entries(asSchema(schema['patternProperties'])))
    if (pattern !== '^x-') walk(asSchema(below), `${path}.*`)
  if (isSchema(schema['additionalProperties'])) walk(schema['additionalProperties'], `${path}.*`)
  if (isSchema(schema['items'])) walk(schema['items'], `${path}[]`)
}

function kindsOf(schema: Schema): string[] {
  const { type } = schema
  const kinds = listOf(type).map((kind) => KINDS[String(kind)] ?? String(kind))
  if (kinds.length === 0 && Array.isArray(schema['enum'])) return ['string']
  return kinds.map((kind) => (kind === 'mapping' && isOpen(schema) ? 'mapping+' : kind))
}

function isOpen(schema: Schema): boolean {
  return schema['additionalProperties'] === undefined && schema['patternProperties'] === undefined
}

function place(path: string): Set<string> {
  const known = places.get(path) ?? new Set<string>()
  places.set(path, known)
  return known
}

function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asSchema(value: unknown, key?: string): Schema {
  const found = key === undefined ? value : asSchema(value)[key]
  return isSchema(found) ? found : {}
}
