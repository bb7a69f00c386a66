import { describe, expect, it } from 'vitest'
import { costOf, dataFeeOf, type Layer2Prices, operatorFeeOf, sumOf } from './cost.ts'
import { openManyOf, TRANSACTIONS } from './transactions.ts'

const NO_OPERATOR = { operatorFeeScalar: 0n, operatorFeeConstant: 0n }
/** The prices of op-geth's tests. */
const PRICES: Layer2Prices = {
  upgrade: 'fjord',
  l1BaseFee: 1_000_000_000n,
  blobBaseFee: 10_000_000n,
  baseFeeScalar: 2n,
  blobBaseFeeScalar: 3n,
  ...NO_OPERATOR,
}
const OPERATOR = { operatorFeeScalar: 1_439_103_868n, operatorFeeConstant: 1_256_417_826_609_331_460n }

describe('what a transaction costs', () => {
  it('is, for its data, what op-geth’s tests say', () => {
    for (const small of [0, 31, 100, 150, 170]) expect(dataFeeOf(small, PRICES)).toBe(3_203_000n)
    expect(dataFeeOf(171, PRICES)).toBeGreaterThan(3_203_000n)
    expect(dataFeeOf(202, PRICES)).toBe(4_048_188n)
    const others = {
      l1BaseFee: 2_000_000n,
      blobBaseFee: 3_000_000n,
      baseFeeScalar: 20n,
      blobBaseFeeScalar: 15n,
    }
    expect(dataFeeOf(235, { ...PRICES, ...others })).toBe(105_484n)
  })

  it('has the operator’s part by the upgrade that the chain is at', () => {
    const at = (upgrade: Layer2Prices['upgrade']) =>
      operatorFeeOf(1_618n, { ...PRICES, ...OPERATOR, upgrade })
    expect(at('fjord')).toBe(0n)
    expect(at('isthmus')).toBe(1_256_417_826_611_659_930n)
    expect(at('jovian')).toBe(1_256_650_673_615_173_860n)
  })

  it('is gas alone where the chain is no OP Stack chain, and the sum of its parts where it is one', () => {
    const gasPrice = 1_000_000n
    const { gas } = TRANSACTIONS.open
    expect(costOf({ gasPrice }, TRANSACTIONS.open)).toEqual({
      gas,
      execution: gas * gasPrice,
      data: 0n,
      operator: 0n,
      total: gas * gasPrice,
    })
    const layer2: Layer2Prices = { ...PRICES, ...OPERATOR, upgrade: 'jovian' }
    const cost = costOf({ gasPrice, layer2 }, TRANSACTIONS.open)
    expect(cost.data).toBe(dataFeeOf(TRANSACTIONS.open.fastLzLength, layer2))
    expect(cost.operator).toBe(operatorFeeOf(gas, layer2))
    expect(cost.total).toBe(cost.execution + cost.data + cost.operator)
    expect(sumOf([cost, cost, cost])).toEqual({
      gas: 3n * cost.gas,
      execution: 3n * cost.execution,
      data: 3n * cost.data,
      operator: 3n * cost.operator,
      total: 3n * cost.total,
    })
    expect(sumOf([]).total).toBe(0n)
  })

  it('is less for several openings in one transaction than for as many', () => {
    expect(openManyOf(1)).toEqual(TRANSACTIONS.open)
    const { gas, fastLzLength } = openManyOf(10)
    expect(gas).toBeLessThan(10n * TRANSACTIONS.open.gas)
    expect(fastLzLength).toBeLessThan(10 * TRANSACTIONS.open.fastLzLength)
  })
})
