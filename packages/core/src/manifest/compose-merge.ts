import type { Field } from './field.ts'

/** Places below which keys are names that the writer chooses. */
const NAMED = new Set([
  'services',
  'volumes',
  'networks',
  'configs',
  'secrets',
  'models',
  'services.*.ulimits',
  'services.*.build.ulimits',
])
/** What is replaced as a whole. */
const REPLACED = new Set([
  'services.*.command',
  'services.*.entrypoint',
  'services.*.healthcheck.test',
  'services.*.ulimits.*',
  'services.*.build.ulimits.*',
])
/** Lists and mappings of names with values: what is named later wins. */
const PAIRS = new Set([
  'services.*.environment',
  'services.*.labels',
  'services.*.annotations',
  'services.*.sysctls',
  'services.*.extra_hosts',
  'services.*.deploy.labels',
  'services.*.build.args',
  'services.*.build.labels',
  'services.*.build.additional_contexts',
  'services.*.build.extra_hosts',
  'services.*.build.ssh',
  'volumes.*.labels',
  'networks.*.labels',
])
/** One or several, the base's first. */
const ONE_OR_MANY = new Set([
  'services.*.env_file',
  'services.*.tmpfs',
  'services.*.dns',
  'services.*.dns_search',
  'services.*.label_file',
])
/** Lists in which a later entry for the same place in the container replaces an earlier one. */
const BY_TARGET = new Set(['services.*.volumes', 'services.*.configs', 'services.*.secrets'])
/** A text or a list that stands for a mapping. */
const SHORT_FORMS: Record<string, (field: Field) => Field> = {
  'services.*.depends_on': (field) => named(field, new Map([['condition', 'service_started']])),
  'services.*.networks': (field) => named(field, null),
  'services.*.models': (field) => named(field, null),
  'services.*.build': (field) =>
    field.isMap || field.isList ? field : field.with(new Map([['context', field]])),
}

/**
 * A service over the one it extends. Every part keeps the place where it was written.
 *
 * Source: compose-spec/compose-go v2, `override/merge.go`.
 */
export function mergeService(base: Field, own: Field): Field {
  return merge(base, own, 'services.*')
}

/** A file over another one, in the same way. What is tagged `!reset` goes, `!override` replaces. */
export function mergeFile(base: Field, own: Field): Field {
  return merge(base, own, '')
}

function merge(base: Field, own: Field, path: string): Field {
  if (own.isNull || REPLACED.has(path)) return own.isNull ? base : own
  if (base.isNull) return own
  if (PAIRS.has(path)) return own.with([...pairs(without(base, own)), ...pairs(own)])
  if (ONE_OR_MANY.has(path)) return own.with(joined(listOf(base), listOf(own)))
  const long = SHORT_FORMS[path]
  if (long) return mergeMaps(long(base), long(own), path)
  if (base.isMap && own.isMap) return mergeMaps(base, own, path)
  if (base.isList && own.isList)
    return own.with(
      BY_TARGET.has(path) ? byTarget([...base.list(), ...own.list()]) : joined(base.list(), own.list()),
    )
  if (base.isMap !== own.isMap || base.isList !== own.isList)
    own.refuse(
      `${own.name} is of another kind than what it extends`,
      `That is on line ${base.line} of ${base.source.file}.`,
    )
  return own
}

function mergeMaps(base: Field, own: Field, path: string): Field {
  const merged = new Map<string, Field>(base.allEntries())
  for (const [key, field] of own.allEntries()) {
    const before = merged.get(key)
    const below = NAMED.has(path) ? `${path}.*` : path === '' ? key : `${path}.${key}`
    const isWhole = before === undefined || field.tag !== undefined || before.tag === 'reset'
    merged.set(key, isWhole ? field : merge(before, field, below))
  }
  return own.with(merged)
}

/** A mapping of names with values without those that are reset in another one. */
function without(base: Field, own: Field): Field {
  if (!own.isMap) return base
  const gone = new Set(own.allEntries().flatMap(([name, { tag }]) => (tag === 'reset' ? [name] : [])))
  if (gone.size === 0) return base
  return base.with(pairs(base).filter((pair) => !gone.has(pair.text().split(/[=:]/, 1)[0] ?? '')))
}

/** `NAME=value` entries of either form. */
function pairs(field: Field): Field[] {
  if (field.isList) return field.list()
  return field.entries().flatMap(([name, value]) => {
    const values = value.isList ? value.list() : [value]
    return values.map((one) => one.with(one.isNull ? name : `${name}=${one.printed()}`))
  })
}

function listOf(field: Field): Field[] {
  return field.isList ? field.list() : [field]
}

/** Both lists; what both of them say stands once. */
function joined(base: Field[], own: Field[]): Field[] {
  const isPlain = (field: Field) => !field.isMap && !field.isList && !field.isNull
  const said = new Set(own.filter(isPlain).map((field) => field.text()))
  return [...base.filter((field) => !isPlain(field) || !said.has(field.text())), ...own]
}

function named(field: Field, entry: unknown): Field {
  if (!field.isList) return field
  return field.with(new Map(field.list().map((item) => [item.text(), item.with(entry)])))
}

/** Mounts in their order; a later one replaces an earlier one at the same place in the container. */
export function byTarget(items: Field[]): Field[] {
  const places = new Map<string, Field>()
  for (const item of items) {
    const parts = item.isMap ? [] : item.text().split(':')
    const target = item.isMap
      ? (item.get('target') ?? item.get('source') ?? item).text()
      : (parts[1] ?? parts[0] ?? '')
    places.set(target, item)
  }
  return [...places.values()]
}
