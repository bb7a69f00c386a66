import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { holds, withToken } from './scrape-tokens.ts'

const NOW = 1_000
const tokenOf = (name: string) => `cst_${name.padEnd(32, '0')}`
const known = (name: string, expiresAt = NOW + 60) => ({
  hash: `0x${createHash('sha256').update(tokenOf(name)).digest('hex')}` as const,
  expiresAt,
})

it('a token holds until it expires, whatever others there are', () => {
  const tokens = [known('old', NOW), known('a'), known('b')]
  expect(holds(tokens, `Bearer ${tokenOf('a')}`, NOW)).toBe(true)
  expect(holds(tokens, `bearer ${tokenOf('b')}`, NOW)).toBe(true)
  expect(holds(tokens, `Bearer ${tokenOf('a')}`, NOW + 60)).toBe(false)
  for (const wrong of [
    undefined,
    '',
    'Bearer ',
    `Bearer ${tokenOf('old')}`,
    `Bearer ${tokenOf('c')}`,
    `Basic ${tokenOf('a')}`,
    `Bearer ${tokenOf('a')} x`,
    // Its hash is no token.
    `Bearer ${tokens[1]?.hash.slice(2)}`,
  ])
    expect(holds(tokens, wrong, NOW)).toBe(false)
  expect(holds([], 'Bearer ', NOW)).toBe(false)
})

it('there are eight at the most, the oldest and those that have expired make way', () => {
  let tokens = [known('gone', NOW)]
  for (let index = 0; index < 10; index++) tokens = withToken(tokens, known(`t${index}`), NOW)
  expect(tokens).toHaveLength(8)
  expect(holds(tokens, `Bearer ${tokenOf('t1')}`, NOW)).toBe(false)
  expect(holds(tokens, `Bearer ${tokenOf('t9')}`, NOW)).toBe(true)
  expect(withToken(tokens, known('t9', NOW + 900), NOW)).toHaveLength(8)
})
