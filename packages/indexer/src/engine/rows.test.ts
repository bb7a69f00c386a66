import { pgTable, text } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import { entity } from './chapter.ts'
import { Rows } from './rows.ts'

const thing = pgTable('thing', { id: text().primaryKey(), of: text().notNull() })
const things = entity(thing, { key: 'id', subject: 'thing', column: thing.id })

test('a row that should be there and is not stops the fold', () => {
  const rows = new Rows()
  rows.want([things, 'a'])
  expect(() => rows.require(things, 'a')).toThrow("the thing a, which isn't there")
})

test('a row that a handler did not ask for is refused, since it may be in the database', () => {
  expect(() => new Rows().get(things, 'a')).toThrow("didn't ask for")
})

test('a fold writes rows of its own subject alone, so that they can be folded anew', () => {
  const rows = new Rows()
  rows.folding = 'other'
  expect(() => rows.put(things, { id: 'a', of: 'b' })).toThrow('folded by thing')
  rows.folding = 'thing'
  rows.put(things, { id: 'a', of: 'b' })
  expect(rows.get(things, 'a')).toEqual({ id: 'a', of: 'b' })
})
