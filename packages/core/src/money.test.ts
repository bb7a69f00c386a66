import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloisterError } from './errors/error.ts'
import {
  formatAmount,
  parseAmount,
  pricePerHour,
  rateForHourlyPrice,
  secondsAffordable,
  showAmount,
} from './money.ts'

/** Of what a contract can hold. */
const LARGEST = 2n ** 256n - 1n

describe('money', () => {
  it('reads what it writes, exactly, at any size', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: LARGEST }),
        fc.integer({ min: 0, max: 36 }),
        (amount, decimals) => {
          expect(parseAmount(formatAmount(amount, decimals), decimals)).toBe(amount)
        },
      ),
      {
        examples: [
          [LARGEST, 0],
          [LARGEST, 36],
          [10n ** 40n, 0],
          [0n, 36],
        ],
      },
    )
  })

  it('refuses more decimal places than a token has, signs, exponents and blanks', () => {
    for (const text of ['1.0000001', '-1', '1e3', '', '.5', '1.', '1,5', '0x10'])
      expect(() => parseAmount(text, 6), text).toThrow(CloisterError)
    expect(parseAmount('1.5000000', 6)).toBe(1_500_000n)
  })

  it('never charges less than the price per hour, nor nothing at all', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (perHour) => {
        const rate = rateForHourlyPrice(perHour)
        expect(pricePerHour(rate) >= perHour && rate > 0n).toBe(true)
        expect(pricePerHour(rate) - perHour <= 3_600n).toBe(true)
      }),
    )
  })

  it('rounds down what it shows and what is affordable', () => {
    expect(showAmount(1_999_999n, { symbol: 'USDC', decimals: 6 }, 2)).toBe('1.99 USDC')
    expect(secondsAffordable(10n, 3n)).toBe(3n)
    expect(secondsAffordable(10n, 0n)).toBe(0n)
  })
})
