import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readRouted, UnreadableBody, without } from './body.ts'

const read = (text: string) => readRouted(Buffer.from(text))

describe('what routing reads of a body', () => {
  it('is what a parser reads, whatever else is in it', () => {
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('model', 'provider', 'stream', 'messages', 'a"b', 'a\\', '"', 'mod\u0000el'),
    )
    const value = fc.jsonValue()
    fc.assert(
      fc.property(
        fc.dictionary(name, value),
        fc.string({ minLength: 1 }),
        fc.option(fc.jsonValue(), { nil: undefined }),
        fc.constantFrom(undefined, 1, '\t'),
        (members, model, provider, space) => {
          const object = { ...members, model, ...(provider !== undefined && { provider }) }
          const text = JSON.stringify(object, null, space)
          const body = Buffer.from(` ${text}\n`)
          const found = readRouted(body)
          expect(found.model).toBe(model)
          expect(found.streams).toBe(members['stream'] === true)
          if (found.provider === undefined) {
            expect(Object.keys(object)).not.toContain('provider')
            return
          }
          const { provider: cut, ...rest } = object as Record<string, unknown>
          // Texts are compared: V8's parser mistakes one key for another now and then.
          expect(JSON.stringify(JSON.parse(String(found.provider.value)))).toBe(JSON.stringify(cut))
          const left = String(without(body, found.provider))
          if (space === undefined) expect(left).toBe(` ${JSON.stringify(rest)}\n`)
          else expect(() => JSON.parse(left)).not.toThrow()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is found under each spelling of its name', () => {
    expect(read('{"\\u006dodel":"a"}').model).toBe('a')
    expect(read('{"m\\u006F\\u0064el" : "\\u0061\\"" }').model).toBe('a"')
    expect(() => read('{"model":"a","\\u006dodel":"b"}')).toThrow('`model` twice')
    expect(() => read('{"provider":{},"model":"a","provider":{}}')).toThrow('`provider` twice')
    expect(() => read('{"model":"a","messages":[],"messages":[]}')).toThrow('`messages` twice')
  })

  it('is not found in strings and further inside', () => {
    expect(read('{"a":{"model":"b"},"c":"\\"model\\":\\"d\\"","model":"e","f":["model"]}').model).toBe('e')
    expect(() => read('{"a":{"model":"b"}}')).toThrow('names no `model`')
  })

  it.each([
    '',
    '[]',
    '"model"',
    '{',
    '{"model"',
    '{"model":',
    '{"model":"a"',
    '{"model":"a',
    '{"model":"a",}',
    '{"model":"a"}}',
    '{"model":"a"} {}',
    '{"model":1}',
    '{"model":null}',
    '{"model":""}',
    '{"model":["a"]}',
    '{"model":"\\x"}',
    '{"model":"a" "b":1}',
    '{"a":[1,"model":"b"}',
    '{model:"a"}',
    '\ufeff{"model":"a"}',
  ])('is refused in %j', (text) => expect(() => read(text)).toThrow(UnreadableBody))

  it('ends for whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readRouted(Buffer.concat([Buffer.from('{"model":"a","b":'), bytes]))
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableBody)
        }
      }),
    )
  })

  it('takes time in proportion to a body’s length', () => {
    for (const piece of ['\\"', '\\\\', '[', '{"a":', '"', ' ', '"\\']) {
      const body = Buffer.from(`{"model":"a","b":"${piece.repeat(1_000_000)}`)
      const began = performance.now()
      try {
        readRouted(body)
      } catch (error) {
        expect(error).toBeInstanceOf(UnreadableBody)
      }
      // Quadratic it would be minutes.
      expect(performance.now() - began).toBeLessThan(2_000)
    }
  })

  it('has the beginning of a conversation, the same in each of its turns', () => {
    const first = { role: 'user', content: 'one' }
    const turns = (messages: object[], more = {}) =>
      read(JSON.stringify({ model: 'a', ...more, messages })).beginning.map(String)
    const system = { role: 'system', content: 'be brief' }
    const answer = { role: 'assistant', content: 'two' }
    expect(turns([first])).toEqual(turns([first, answer, first]).slice(0, 1))
    expect(turns([system, first])).toEqual(turns([system, first, answer, first]))
    expect(turns([first], { system: 'be brief' })).toEqual(['"be brief"', JSON.stringify(first)])
    expect(read('{"model":"a","prompt":"once"}').beginning.map(String)).toEqual(['"once"'])
    expect(turns([])).toEqual([])
  })
})
