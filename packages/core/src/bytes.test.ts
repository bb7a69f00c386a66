import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromBase64, fromBase64Url, textOf, toBase64, toBase64Url, utf8 } from './bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 20_000 })

it('base64 is what Node makes of bytes, and is read back', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
      expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
      expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
    }),
  )
})

it('texts are the bytes that Node makes of them, whatever is in them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), anyBytes, (text, bytes) => {
      expect(utf8(text)).toEqual(new Uint8Array(Buffer.from(text)))
      expect(textOf(bytes)).toBe(Buffer.from(bytes).toString('utf8'))
    }),
  )
  expect(textOf(utf8('\ufeffa'))).toBe('\ufeffa')
})

it('what is no base64 is refused', () => {
  for (const text of ['a', '*', 'ab=c']) expect(() => fromBase64(text)).toThrow()
})
