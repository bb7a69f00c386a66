import { PGlite } from '@electric-sql/pglite'
import { dataDir } from '@electric-sql/pglite-prepopulatedfs'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { arrayLiteral } from './array-literal.ts'

const database = await PGlite.create({ loadDataDir: await dataDir() })
afterAll(() => database.close())

/** What PostgreSQL makes of an array. */
async function readBack(values: unknown[], type: string): Promise<unknown[]> {
  const { rows } = await database.query<{ value: unknown }>(
    `select ${type === 'numeric' ? 'value::text' : 'value'} from unnest($1::${type}[]) as list(value)`,
    [arrayLiteral(values, type)],
  )
  return rows.map(({ value }) => value)
}

test('texts come back as they were, whatever is in them', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.replaceAll('\0', '')),
    fc.constantFrom(
      '',
      'null',
      'NULL',
      'null ',
      '{}',
      '{"a",b}',
      '\\',
      '"',
      '\\"',
      ' a',
      ',',
      `0x${'ab'.repeat(32)}`,
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text), { minLength: 1, maxLength: 20 }), async (values) => {
      expect(await readBack(values, 'text')).toEqual(values)
    }),
  )
})

test('so does JSON', async () => {
  const json = fc.dictionary(
    fc.string({ maxLength: 10 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', '')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(json, { minLength: 1, maxLength: 10 }), async (values) => {
      const clean = JSON.parse(JSON.stringify(values).replaceAll('\\u0000', ''))
      expect(await readBack(clean, 'jsonb')).toEqual(clean)
    }),
  )
})

test('numbers, flags and what is missing are told apart', async () => {
  expect(await readBack([1, -2, 0, null, undefined], 'bigint')).toEqual([1, -2, 0, null, null])
  expect(await readBack([2 ** 40, 7], 'integer')).toEqual([2 ** 31 - 1, 7])
  expect(await readBack([true, false, null], 'boolean')).toEqual([true, false, null])
  expect(await readBack([10n ** 77n, -5n, 0n], 'numeric')).toEqual([String(10n ** 77n), '-5', '0'])
  expect(await readBack(['a\0b', '\ud800'], 'text')).toEqual(['a\ufffdb', '\ufffd'])
})
