import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMPOSE } from './compose.ts'
import { COMPOSE_SPEC } from './compose-spec.ts'
import { SDL } from './sdl.ts'
import {
  fateOf,
  type Json,
  leaves,
  mappings,
  nameOf,
  put,
  read,
  readPlaces,
  stepsOf,
  valueFor,
} from './walk.ts'

const STRAY = 'strange_key'

describe.each([
  ['the Compose specification', COMPOSE, 'compose-spec', COMPOSE_SPEC],
  ['SDL', SDL, 'sdl', readFileSync(new URL('sdl.txt', import.meta.url), 'utf8')],
] as const)('every key of %s', (_, language, name, spec) => {
  const places = readPlaces(spec)
  const tried = leaves(places)

  it('is honoured, refused or warned of, with each kind of value', async () => {
    const fates = tried.map((place) => `${place.path} ${place.kind}: ${fateOf(language, place)}`)
    expect(fates.filter((line) => line.endsWith('SILENT'))).toEqual([])
    // One line for each, so that a change of what a key means is seen.
    await expect(`${fates.join('\n')}\n`).toMatchFileSnapshot(`${name}.fates.txt`)
  })

  it('is tried with a value that is meant for it', () => {
    const known = new Set(places.map(({ path }) => path))
    const tables = [...Object.keys(language.values), ...Object.keys(language.others)]
    expect(tables.filter((path) => !known.has(path))).toEqual([])
  })

  it.each(mappings(places))('has none beside it in %s that nobody knows', (mapping) => {
    const steps = stepsOf(`${mapping}.${STRAY}`, language)
    const file = read(language, put(language, `${mapping}.${STRAY}`, steps, 'x'))
    expect(isFound(file, steps)).toBe(true)
  })

  it('stands in one file with all the others, where a stray key is found in every mapping', () => {
    let whole = language.plain()
    for (const place of tried) {
      const more = put(
        language,
        place.path,
        stepsOf(place.path, language),
        valueFor(language, place),
        structuredClone(whole),
      )
      if (read(language, more).manifest.includes('"web":')) whole = more
    }
    // Below these, keys are names that the writer chooses.
    const named = places.filter(({ path }) => path.endsWith('.*')).map(({ path }) => path.slice(0, -2))
    const open = tried.filter(({ kind }) => kind === 'mapping+').map(({ path }) => path)
    const free = [...named, ...open].map(
      (path) => new RegExp(`^${path.replaceAll('[]', '.[0-9]+').replaceAll('*', '[^.]+')}$`),
    )
    const at = objects(whole).filter((path) => !free.some((pattern) => pattern.test(path.join('.'))))
    expect(at.length).toBeGreaterThan(language === SDL ? 15 : 30)
    for (const path of at) {
      const changed = structuredClone(whole)
      const object = path.reduce<Json>(
        (value, step) => (value as { [key: string]: Json })[step] ?? null,
        changed,
      )
      Object.assign(object as { [key: string]: Json }, { [STRAY]: 'x' })
      expect([path, isFound(read(language, changed), [...path, STRAY])]).toEqual([path, true])
    }
  })

  const anyValue = fc.oneof(
    fc.constantFrom<Json>(
      null,
      true,
      0,
      -1,
      1e300,
      '',
      ' ',
      'x',
      '\n',
      '0',
      '-',
      ':',
      '/',
      '${A',
      [],
      {},
      [[]],
      [{}],
      { '': '' },
      [null],
      { a: null },
    ),
    fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
  )

  it('takes any value or says what is wrong with it, by line', () => {
    fc.assert(
      fc.property(fc.constantFrom(...places), anyValue, ({ path }, value) => {
        // Anything but an error of the manifest's own would be thrown on.
        const { refused } = read(language, put(language, path, stepsOf(path, language), value))
        const files = [language.file, ...Object.keys(language.files)]
        if (refused)
          expect([refused.line >= 1, files.some((file) => refused.message.startsWith(`${file}:`))]).toEqual([
            true,
            true,
          ])
      }),
      { numRuns: 400 },
    )
  })
})

/** Whether a file's messages name a key, or what holds it as refused or ignored as a whole. */
function isFound({ refused, warnings }: ReturnType<typeof read>, steps: (string | number)[]): boolean {
  const name = nameOf(steps)
  const isWhole = (field: string, message: string) =>
    name.startsWith(field) && /can't be honoured|^ignored/.test(message)
  if (refused) return refused.field === name || isWhole(refused.field, refused.message)
  return warnings.some(({ field, message }) => field === name || isWhole(field, message))
}

/** Paths of all mappings in a value. */
function objects(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([key, item]) =>
    objects(item, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  return Array.isArray(value) ? below : [path, ...below]
}
