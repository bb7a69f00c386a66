import { TRANSACTIONS } from '@cloister/chain'
import type { Address } from 'viem'
import { describe, expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { requireMoney } from './money.ts'

const TOKEN: Address = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
const ACCOUNT: Address = '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65'
/** What contracts of a fake layer 2 answer; the account has 100 base units of the token. */
const ANSWERS: Readonly<Record<string, bigint | boolean>> = {
  balanceOf: 100n,
  basefee: 10n ** 9n,
  blobBaseFee: 1n,
  baseFeeScalar: 5_227n,
  blobBaseFeeScalar: 1_014_213n,
  operatorFeeScalar: 0n,
  operatorFeeConstant: 0n,
  isFjord: true,
  isIsthmus: true,
  isJovian: false,
}
/** What opening a lease costs there at one wei for a unit of gas: its data alone. */
const COST = ((836_500n * 529n - 42_585_600n) * (5_227n * 10n ** 9n * 16n + 1_014_213n)) / 10n ** 12n

function cloisterWith({ ether, isLayer2 }: { ether: bigint; isLayer2: boolean }): Cloister {
  const client = {
    getBalance: async () => ether,
    getGasPrice: async () => 0n,
    getCode: async () => (isLayer2 ? '0x00' : undefined),
    readContract: async ({ functionName }: { functionName: string }) => ANSWERS[functionName],
  }
  const network = { development: true, tokens: [] }
  const chain = { client, network }
  return { network, chain, wallet: { ...chain, account: { address: ACCOUNT } } } as unknown as Cloister
}

const required = (chain: { ether: bigint; isLayer2: boolean }, amount = 100n) =>
  requireMoney(cloisterWith(chain), TOKEN, amount)

describe('the money that an account needs', () => {
  it('is what the transaction costs on a layer 2, its data included', async () => {
    expect(TRANSACTIONS.open.fastLzLength).toBe(529)
    await required({ ether: COST, isLayer2: true })
    await expect(required({ ether: COST - 1n, isLayer2: true })).rejects.toMatchObject({
      code: 'no-gas',
      details: { held: String(COST - 1n), wanted: String(COST) },
    })
  })

  it('is any ether at all where fees can’t be reckoned', async () => {
    const cloister = cloisterWith({ ether: 1n, isLayer2: true })
    const client = { ...cloister.chain.client, getGasPrice: async () => 10n ** 19n }
    await requireMoney({ ...cloister, chain: { ...cloister.chain, client } } as Cloister, TOKEN, 100n)
  })

  it('is any ether at all where the chain is no layer 2, and the deposit', async () => {
    await required({ ether: 1n, isLayer2: false })
    await expect(required({ ether: 0n, isLayer2: false })).rejects.toMatchObject({ code: 'no-gas' })
    await expect(required({ ether: 1n, isLayer2: false }, 101n)).rejects.toMatchObject({ code: 'no-money' })
  })
})
