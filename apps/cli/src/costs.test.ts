import { type FeePrices, readFeePrices, TRANSACTIONS } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { describe, expect, it, vi } from 'vitest'
import { ether, layer2Cost, sayCost } from './costs.ts'
import { fakeCloister, printed } from './testing.ts'

const PRICES: FeePrices = {
  gasPrice: 1_000_000n,
  layer2: {
    upgrade: 'jovian',
    l1BaseFee: 500_000_000n,
    blobBaseFee: 31_250_000n,
    baseFeeScalar: 5_227n,
    blobBaseFeeScalar: 1_014_213n,
    operatorFeeScalar: 10n,
    operatorFeeConstant: 7n,
  },
}
const chain = fakeCloister().chain

describe('what a transaction costs', () => {
  it('is told on a layer 2, in its parts', async () => {
    vi.mocked(readFeePrices).mockResolvedValue(PRICES)
    const cost = await layer2Cost(chain, [TRANSACTIONS.open], { json: false })
    if (!cost) throw new Error('It costs nothing.')
    expect(cost.execution).toBe(196_954_000_000n)
    expect(cost.operator).toBe(196_954_007n)
    const size = 836_500n * BigInt(TRANSACTIONS.open.fastLzLength) - 42_585_600n
    expect(cost.data).toBe((size * (5_227n * 500_000_000n * 16n + 1_014_213n * 31_250_000n)) / 10n ** 12n)
    expect(sayCost(cost)).toBe(
      'The transaction costs about 0.000000226 ETH: 0.000000196 ETH for 196,954 units of gas, 0.0000000293 ETH for its data on layer 1 and 0.000000000196 ETH for the chain’s operator.',
    )
  })

  it('is not told on any other chain', async () => {
    expect(await layer2Cost(chain, [TRANSACTIONS.open], { json: false })).toBeUndefined()
  })

  it('does not keep anybody from sending where it can’t be told', async () => {
    vi.mocked(readFeePrices).mockRejectedValue(new CloisterError('bad-answer', 'It is too old.'))
    const asked = (json: boolean) => printed(() => layer2Cost(chain, [TRANSACTIONS.open], { json }))
    expect((await asked(false)).err).toBe('! What the transaction costs can’t be told: It is too old.\n')
    expect((await asked(true)).err).toBe('')
    vi.mocked(readFeePrices).mockRejectedValue(new CloisterError('chain-unreachable', 'away'))
    await expect(asked(true)).rejects.toThrow('away')
  })
})

describe('ether', () => {
  it('has as many digits as mean something', () => {
    expect([0n, 1n, 123_456n, 10n ** 18n, 1_234_567n * 10n ** 15n].map(ether)).toEqual([
      '0 ETH',
      '0.000000000000000001 ETH',
      '0.000000000000123 ETH',
      '1 ETH',
      '1234 ETH',
    ])
  })
})
