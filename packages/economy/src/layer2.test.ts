import { costOf, TRANSACTIONS } from '@cloister/chain'
import { describe, expect, it } from 'vitest'
import { dollarsOf, feePricesAt, fixedCostPerDay } from './layer2.ts'

const HOURLY = { proposalSeconds: 3_600, batchSeconds: 18_000 }

describe('prices on a layer 2', () => {
  it('never have blob gas for less than a sixteenth of the base fee', () => {
    expect(feePricesAt({ layer1: 20, layer2: 0.01, blob: 0 }).layer2.blobBaseFee).toBe(1_250_000_000n)
    expect(feePricesAt({ layer1: 20, layer2: 0.01 }).layer2.blobBaseFee).toBe(1_250_000_000n)
    expect(feePricesAt({ layer1: 20, layer2: 0.01, blob: 5 }).layer2.blobBaseFee).toBe(5_000_000_000n)
  })

  it('make a lease’s opening cost what anyone reckons by hand', () => {
    const cost = costOf(feePricesAt({ layer1: 1, layer2: 0.001 }), TRANSACTIONS.open)
    // 196,954 × 0.001 gwei, and (0.8365 × 529 − 42.5856) bytes at (16 × 5,227 + 1,014,213 ÷ 16) ÷ 10^6 gwei.
    expect(cost.execution).toBe(196_954_000_000n)
    expect(cost.data).toBe(58_796_789_733n)
    expect(dollarsOf(cost.total, 3_000)).toBeCloseTo(0.000767, 6)
  })

  it('make an idle chain that proves every hour cost what anyone reckons by hand', () => {
    const { layer2 } = feePricesAt({ layer1: 1, layer2: 0.001 })
    // 24 × 437,500 gas, and 4.8 × (21,000 gas + a blob at a sixteenth), at a gwei.
    expect(fixedCostPerDay(HOURLY, layer2)).toBe(24n * 437_500n * 10n ** 9n + 140_121_600n * 10n ** 6n)
    expect(dollarsOf(fixedCostPerDay(HOURLY, layer2), 3_000)).toBeCloseTo(31.92, 2)
  })
})
