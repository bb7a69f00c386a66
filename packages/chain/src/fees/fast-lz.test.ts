import fc from 'fast-check'
import { hexToBytes } from 'viem'
import { describe, expect, it } from 'vitest'
import { fastLzLength } from './fast-lz.ts'

/** A legacy transaction without data, and a call of a contract: examples of op-geth's own tests. */
const EMPTY = 'dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080'
const CALL = [
  '02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62fd12adb8',
  'e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e0000000000000000000000',
  '00af88d065e77c8cc2239327c5edb3a432268e5831000000000000000000000000000000000000000000000000000000',
  '000003c1e500000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000a0000000000000000000000000000000000000000000000000000000',
  '00000000148c89ed219d02f1a5be012c689b4f5b731827bebe000000000000000000000000c001a033fd89cb37c31b2c',
  'ba46b6466e040c61fc9b2a3675a7f5f493ebd5ad77c497f8a07cdf65680e238392693019b4092f610222e71b7cec0644',
  '9cb922b93b6a12744e',
].join('')

describe('the length that FastLZ makes of bytes', () => {
  it('is what op-geth’s tests say of theirs', () => {
    const lengthOf = (hex: string) => fastLzLength(hexToBytes(`0x${hex}`))
    expect(lengthOf('')).toBe(0)
    expect(lengthOf('01'.repeat(1000))).toBe(21)
    expect(lengthOf('00'.repeat(1000))).toBe(21)
    expect(lengthOf(EMPTY)).toBe(31)
    expect(lengthOf(CALL)).toBe(202)
  })

  it('is a thirty-second more than what can’t be compressed, at the most', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000, size: 'max' }), (bytes) => {
        const length = fastLzLength(bytes)
        expect(length).toBeLessThanOrEqual(bytes.length + Math.ceil(bytes.length / 32))
        expect(length > 0).toBe(bytes.length > 0)
      }),
    )
  })
})
