import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseTraceparent } from './parent.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

it.each([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, false],
  [`00-${TRACE}-${SPAN}-03`, true],
  [`cc-${TRACE}-${SPAN}-01`, true],
  [`cc-${TRACE}-${SPAN}-01-what.comes-later`, true],
])('%s names a parent', (text, isSampled) =>
  expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled }),
)

it.each([
  undefined,
  '',
  'none',
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `cc-${TRACE}-${SPAN}-01.more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1_000)}`,
])('%s names none', (text) => expect(parseTraceparent(text)).toBeUndefined())

it('takes no text for a parent that has anything in it but ids', () =>
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parent = parseTraceparent(text)
      expect(parent === undefined || /^[0-9a-f]{32}$/.test(parent.traceId)).toBe(true)
    }),
  ))
