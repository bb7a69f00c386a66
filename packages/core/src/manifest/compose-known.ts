import type { Field } from './field.ts'
import { COMPOSE_SPEC } from './schemas/compose-spec.ts'

/**
 * Places of the specification, such as `services.*.ports[].target`, with the kinds of values that may stand
 * there.
 */
let places: Map<string, string[]> | undefined

/**
 * Refuses keys that the Compose specification doesn't know, anywhere below a place. For what is read no
 * further, such as services of profiles that are not switched on: Docker Compose checks their keys as well.
 * Values are let pass.
 */
export function checkKeys(field: Field, place: string): void {
  places ??= readPlaces()
  if (field.isList) for (const item of field.list()) checkKeys(item, `${place}[]`)
  if (!field.isMap || places.get(place)?.includes('mapping+')) return
  for (const [key, below] of field.entries()) {
    if (key.startsWith('x-')) continue
    // A key may look like a path, or like a place of one.
    const own = /[.*[]/.test(key) ? [] : [`${place}.${key}`]
    const next = [...own, `${place}.*`].find((one) => places?.has(one))
    if (next === undefined)
      below.refuse(
        `${JSON.stringify(key)} is not a known field here`,
        `Known here: ${knownBelow(place).join(', ')}.`,
      )
    else checkKeys(below, next)
  }
}

function readPlaces(): Map<string, string[]> {
  const lines = COMPOSE_SPEC.split('\n').filter((line) => line !== '')
  return new Map(
    lines.map((line) => {
      const [path = '', kinds = ''] = line.split(': ')
      return [path, kinds.split(' ')]
    }),
  )
}

function knownBelow(place: string): string[] {
  const all = [...(places?.keys() ?? [])]
    .filter((path) => path.startsWith(`${place}.`))
    .map((path) => path.slice(place.length + 1))
  return all.filter((key) => !/[.[]/.test(key))
}
