import fc from 'fast-check'
import { hashStruct } from 'viem'
import { describe, expect, it } from 'vitest'
import { CHARGE_TYPES, type Charge, chargeContent, chargeFromJson, chargeToJson, priceOf } from './charge.ts'

const charge: Charge = {
  offer: `0x${'ab'.repeat(32)}`,
  channel: `0x${'cd'.repeat(32)}`,
  input: 1_000n,
  cached: 250n,
  output: 2n ** 64n - 1n,
  amount: 12n,
  total: 2n ** 128n - 1n,
}
const details = `0x${'ef'.repeat(32)}` as const

describe('a charge', () => {
  it('is hashed as EIP-712 hashes structs', () => {
    const data = { ...charge, details }
    expect(chargeContent(charge, details)).toBe(
      hashStruct({ types: CHARGE_TYPES, primaryType: 'Charge', data }),
    )
    expect(chargeContent({ ...charge, amount: 13n }, details)).not.toBe(chargeContent(charge, details))
  })

  it('goes through JSON, and nothing else comes out of it', () => {
    const json = chargeToJson(charge)
    expect(chargeFromJson(JSON.parse(JSON.stringify(json)))).toEqual(charge)
    for (const wrong of [{ input: String(2n ** 64n) }, { amount: '-1' }, { total: undefined }, { more: 1 }])
      expect(chargeFromJson({ ...json, ...wrong })).toBeUndefined()
  })

  it('is by the million tokens, rounded up once', () => {
    const prices = { input: 150_000n, cached: 75_000n, output: 600_000n }
    expect(priceOf({ input: 0n, cached: 0n, output: 0n }, prices)).toBe(0n)
    expect(priceOf({ input: 1n, cached: 0n, output: 0n }, prices)).toBe(1n)
    expect(priceOf({ input: 1_000_000n, cached: 0n, output: 1_000_000n }, prices)).toBe(750_000n)
    expect(priceOf({ input: 1_000_000n, cached: 1_000_000n, output: 0n }, prices)).toBe(75_000n)
    expect(priceOf({ input: 5n, cached: 9n, output: 0n }, { ...prices, input: 10n ** 9n })).toBe(1n)
  })

  it('never costs more for tokens that were cached, where those are cheaper', () => {
    const tokens = fc.bigInt(0n, 10n ** 9n)
    fc.assert(
      fc.property(tokens, tokens, tokens, tokens, (input, cached, output, price) => {
        const prices = { input: price, cached: price / 2n, output: price }
        const all = priceOf({ input, cached: 0n, output }, prices)
        expect(priceOf({ input, cached, output }, prices)).toBeLessThanOrEqual(all)
        expect(all * 1_000_000n - (input + output) * price).toBeGreaterThanOrEqual(0n)
        expect(all * 1_000_000n - (input + output) * price).toBeLessThan(1_000_000n)
      }),
    )
  })
})
