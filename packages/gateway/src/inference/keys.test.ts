import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Keys, keyIn } from './keys.ts'

describe('what keys may ask', () => {
  it('comes back with time, and is given back by what has ended', () => {
    let now = 0
    const keys = new Keys({ requestsPerMinute: 3, concurrent: 2 }, 10, () => now)
    const name = keys.nameOf('key', undefined)
    const first = keys.take(name)
    const second = keys.take(name)
    expect(keys.take(name)).toMatchObject({ status: 429, retryAfter: 1 })
    for (const done of [first, second, first]) if (typeof done === 'function') done()
    expect(keys.take(name)).toBeTypeOf('function')
    // None is left of the minute; a third of one later there is one more.
    expect(keys.take(name)).toMatchObject({ status: 429, retryAfter: 20 })
    now = 20_000
    expect(keys.take(name)).toBeTypeOf('function')
  })

  it('is remembered of so many, and by no word that a key could be read from', () => {
    const keys = new Keys({ requestsPerMinute: 1, concurrent: 1 }, 100)
    for (let one = 0; one < 1_000; one++) keys.take(keys.nameOf(`sk-clo-${one}`, '127.0.0.1'))
    expect(keys.size).toBe(100)
    expect(inspect(keys, { depth: 10, maxArrayLength: null })).not.toContain('sk-clo')
    expect(new Keys().nameOf('key', undefined)).not.toBe(new Keys().nameOf('key', undefined))
  })

  it('counts by network where there is no key, and by key from wherever it comes', () => {
    const keys = new Keys()
    expect(keys.nameOf(undefined, '10.0.0.1')).not.toBe(keys.nameOf(undefined, '10.0.0.2'))
    expect(keys.nameOf(undefined, '2001:db8::1')).toBe(keys.nameOf(undefined, '2001:db8::2'))
    expect(keys.nameOf('key', '10.0.0.1')).toBe(keys.nameOf('key', '10.0.0.2'))
  })

  it.each([
    [{ authorization: 'Bearer sk-1' }, 'sk-1'],
    [{ authorization: 'bearer   sk-1' }, 'sk-1'],
    [{ 'x-api-key': 'sk-2' }, 'sk-2'],
    [{ authorization: 'Basic abc', 'x-api-key': 'sk-2' }, 'sk-2'],
    [{ authorization: 'Bearer ' }, undefined],
    [{ 'x-api-key': '' }, undefined],
    [{}, undefined],
  ])('are of %j', (headers: Record<string, string>, key) => expect(keyIn((name) => headers[name])).toBe(key))
})
