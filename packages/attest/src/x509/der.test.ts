import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EvidenceError } from '../errors.ts'
import { childrenOf, encodeDer, readDer, readOid, TAG } from './der.ts'

const bytes = (...octets: number[]) => Uint8Array.from(octets)
const refused = (...octets: number[]) => expect(() => readDer(bytes(...octets), 'It')).toThrow(EvidenceError)
const oid = (...octets: number[]) => readOid(readDer(bytes(6, octets.length, ...octets), 'It'), 'It')

it('reads what it writes, of any length', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 })
  fc.assert(
    fc.property(parts, (contents) => {
      const octets = contents.map((part) => encodeDer(TAG.octetString, part))
      const read = childrenOf(readDer(encodeDer(TAG.sequence, ...octets), 'It'), 'It')
      expect(read.map((child) => child.contents)).toEqual(contents)
      expect(read.map(({ raw }) => raw)).toEqual(octets)
    }),
  )
  expect(readDer(encodeDer(TAG.octetString, new Uint8Array(70_000)), 'It').contents.length).toBe(70_000)
})

it('refuses lengths that DER writes otherwise, and what is cut short', () => {
  refused()
  refused(4)
  refused(4, 2, 0)
  refused(4, 0x80, 0, 0)
  refused(4, 0x81, 1, 0)
  refused(4, 0x82, 0, 0x80, ...new Uint8Array(0x80))
  refused(4, 0x81)
  refused(4, 0x84, 0xff, 0xff, 0xff, 0xff)
  refused(4, 0x85, 1, 0, 0, 0, 0)
  refused(0x1f, 0x81, 1, 0)
  refused(4, 1, 0, 0)
})

it('refuses strings put together of parts, and sequences of none (X.690, section 10.2)', () => {
  refused(0x24, 3, 4, 1, 7)
  refused(0x23, 4, 3, 2, 0, 7)
  refused(0x10, 0)
  refused(0x11, 2, 4, 0)
  expect(readDer(bytes(0x30, 0), 'It').contents.length).toBe(0)
})

it('throws its own error and no other, whatever it is given', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
      try {
        readOid(childrenOf(readDer(octets, 'It'), 'It')[0], 'It')
      } catch (error) {
        expect(error).toBeInstanceOf(EvidenceError)
      }
    }),
    { numRuns: 2_000 },
  )
})

it('reads object identifiers as X.690, section 8.19, writes them', () => {
  expect(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)).toBe('1.2.840.10045.4.3.2')
  expect(oid(0x55, 0x1d, 0x0f)).toBe('2.5.29.15')
  expect(oid(0x88, 0x37)).toBe('2.999')
  expect(oid(0x00)).toBe('0.0')
  for (const wrong of [[], [0x80, 0x01], [0x2a, 0x80, 0x01], [0x2a, 0x86], Array(12).fill(0xff)])
    expect(() => oid(...wrong)).toThrow(EvidenceError)
})
