import type { Field } from './field.ts'

/** What a service that extends another one replaces as a whole. */
const REPLACED = new Set(['command', 'entrypoint', 'healthcheck.test', 'ulimits.*'])
/** Lists and mappings of names with values: what is named later wins. */
const PAIRS = new Set(['environment', 'labels', 'annotations', 'sysctls', 'extra_hosts', 'deploy.labels'])
/** One or several, the base's first. */
const ONE_OR_MANY = new Set(['env_file', 'tmpfs', 'dns', 'dns_search', 'label_file'])
/** Lists in which a later entry for the same place in the container replaces an earlier one. */
const BY_TARGET = new Set(['volumes', 'configs', 'secrets'])

/**
 * A service over the one it extends. Every part keeps the place where it was written.
 *
 * Source: compose-spec/compose-go v2, `override/merge.go`.
 */
export function mergeService(base: Field, own: Field): Field {
  return merge(base, own, '')
}

function merge(base: Field, own: Field, path: string): Field {
  const key = path.replace(/^(ulimits)\..*/, '$1.*')
  if (own.isNull || REPLACED.has(key)) return own.isNull ? base : own
  if (base.isNull) return own
  if (PAIRS.has(path)) return own.with([...pairs(base), ...pairs(own)])
  if (path === 'depends_on' || path === 'networks')
    return mergeMaps(asMap(base, path), asMap(own, path), path)
  if (ONE_OR_MANY.has(path))
    return own.with([...(base.isList ? base.list() : [base]), ...(own.isList ? own.list() : [own])])
  if (base.isMap && own.isMap) return mergeMaps(base, own, path)
  if (base.isList && own.isList)
    return own.with(
      BY_TARGET.has(path) ? byTarget([...base.list(), ...own.list()]) : [...base.list(), ...own.list()],
    )
  if (base.isMap !== own.isMap || base.isList !== own.isList)
    own.refuse(
      `${own.name} is of another kind than what it extends`,
      `That is on line ${base.line} of ${base.source.file}.`,
    )
  return own
}

function mergeMaps(base: Field, own: Field, path: string): Field {
  const merged = new Map<string, Field>(base.entries())
  for (const [key, field] of own.entries()) {
    const before = merged.get(key)
    merged.set(key, before ? merge(before, field, path === '' ? key : `${path}.${key}`) : field)
  }
  return own.with(merged)
}

/** `NAME=value` entries of either form. */
function pairs(field: Field): Field[] {
  if (field.isList) return field.list()
  return field
    .entries()
    .map(([name, value]) => value.with(value.isNull ? name : `${name}=${value.printed()}`))
}

function asMap(field: Field, path: string): Field {
  if (!field.isList) return field
  const entry = path === 'depends_on' ? new Map([['condition', 'service_started']]) : null
  return field.with(new Map(field.list().map((item) => [item.text(), item.with(entry)])))
}

function byTarget(items: Field[]): Field[] {
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
