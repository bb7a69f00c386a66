import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { layer2Genesis, opStackCode } from '@cloister/development/op-stack'
import fc from 'fast-check'
import {
  type Address,
  concat,
  custom,
  encodeFunctionData,
  type Hex,
  numberToHex,
  padHex,
  parseAbi,
  toFunctionSelector,
} from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { estimateL1Fee, estimateOperatorFee } from 'viem/op-stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Chain, connectChain, type Wallet, WORKERS_ABI } from '../index.ts'
import { costOf, dataFeeOf } from './cost.ts'
import { fastLzLength } from './fast-lz.ts'
import { GAS_PRICE_ORACLE, L1_BLOCK, readFeePrices } from './prices.ts'
import { signedLength } from './testing/signed-length.ts'

const DEPOSITOR = '0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001'
/** Of OP Mainnet's kind, in the order that `setL1BlockValuesEcotone` takes them. */
const ATTRIBUTES = {
  baseFeeScalar: 5_227n,
  blobBaseFeeScalar: 1_014_213n,
  l1BaseFee: 1_234_567_890n,
  blobBaseFee: 45_678n,
}
const ORACLE_ABI = parseAbi([
  'function getL1Fee(bytes) view returns (uint256)',
  'function getL1GasUsed(bytes) view returns (uint256)',
])

let chain: DevelopmentChain
let tenant: Wallet

const rpc = (method: string, ...params: unknown[]) =>
  tenant.client.request({ method, params } as never) as Promise<never>
const random = () => generatePrivateKey()

beforeAll(async () => {
  chain = await startDevelopmentChain()
  tenant = chain.wallet(4)
})
afterAll(() => chain?.stop())

describe('the fees of a chain that is no OP Stack chain', () => {
  it('are gas alone', async () => {
    const prices = await readFeePrices(tenant)
    expect(prices).toEqual({ gasPrice: await tenant.client.getGasPrice() })
  })
})

describe('the fees of an OP Stack chain', () => {
  const own = async (to: Address, data: Hex) => {
    await rpc('anvil_impersonateAccount', DEPOSITOR)
    await rpc('anvil_setBalance', DEPOSITOR, numberToHex(10n ** 20n))
    await rpc('eth_sendTransaction', { from: DEPOSITOR, to, data })
  }

  it('are not reckoned before Fjord', async () => {
    const { predeployed } = opStackCode()
    await rpc('anvil_setCode', L1_BLOCK, predeployed.L1Block)
    await rpc('anvil_setCode', GAS_PRICE_ORACLE, predeployed.GasPriceOracle)
    await expect(readFeePrices(tenant)).rejects.toMatchObject({ code: 'bad-answer' })
  })

  it('are read from its contracts', async () => {
    const { baseFeeScalar, blobBaseFeeScalar, l1BaseFee, blobBaseFee } = ATTRIBUTES
    const word = (value: bigint, size: number) => numberToHex(value, { size })
    await own(
      L1_BLOCK,
      concat([
        toFunctionSelector('setL1BlockValuesEcotone()'),
        word(baseFeeScalar, 4),
        word(blobBaseFeeScalar, 4),
        word(1n, 8),
        word(2n, 8),
        word(3n, 8),
        word(l1BaseFee, 32),
        word(blobBaseFee, 32),
        word(4n, 32),
        word(5n, 32),
      ]),
    )
    for (const upgrade of ['setEcotone()', 'setFjord()'])
      await own(GAS_PRICE_ORACLE, toFunctionSelector(upgrade))
    expect((await readFeePrices(tenant)).layer2).toEqual({
      ...ATTRIBUTES,
      upgrade: 'fjord',
      operatorFeeScalar: 0n,
      operatorFeeConstant: 0n,
    })
  })

  it('are to the wei what its own contract reckons, for any bytes', async () => {
    const { layer2 } = await readFeePrices(tenant)
    if (!layer2) throw new Error('The chain has no layer 1.')
    const read = (functionName: 'getL1Fee' | 'getL1GasUsed', data: Hex) =>
      tenant.client.readContract({ address: GAS_PRICE_ORACLE, abi: ORACLE_ABI, functionName, args: [data] })
    // Runs, repetitions near and far, and noise: what finds every branch.
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 300, size: 'max' }),
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 2_000 }))
        .map(([byte, count]) => new Uint8Array(count).fill(byte)),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40, size: 'max' }), fc.integer({ min: 2, max: 60 }))
        .map(([bytes, times]) =>
          new Uint8Array(bytes.length * times).map((_, at) => bytes[at % bytes.length] ?? 0),
        ),
    )
    const data = fc
      .array(piece, { maxLength: 12, size: 'max' })
      .chain((pieces) => fc.constant(new Uint8Array(Buffer.concat([...pieces, ...pieces.slice(0, 3)]))))
    await fc.assert(
      fc.asyncProperty(data, async (bytes) => {
        const hex: Hex = `0x${Buffer.from(bytes).toString('hex')}`
        // The contract is told what isn't signed yet, and adds 68.
        const length = fastLzLength(bytes) + 68
        const [fee, gasUsed] = await Promise.all([read('getL1Fee', hex), read('getL1GasUsed', hex)])
        expect(fee).toBe(dataFeeOf(length, layer2))
        const size = -42_585_600n + 836_500n * BigInt(length)
        expect(gasUsed).toBe(((size < 100_000_000n ? 100_000_000n : size) * 16n) / 1_000_000n)
      }),
      { numRuns: 150 },
    )
  })

  it('are, for a transaction of ours, within two in a hundred of what viem asks the chain', async () => {
    const prices = await readFeePrices(tenant)
    const data = encodeFunctionData({
      abi: WORKERS_ABI,
      functionName: 'attest',
      args: [tenant.account.address, random(), 123n, random(), concat(Array.from({ length: 40 }, random))],
    })
    const to = chain.network.contracts.workers
    const asked = await estimateL1Fee(tenant.client, {
      account: tenant.account,
      to,
      data,
      chain: null,
    } as never)
    const { data: reckoned } = costOf(prices, { gas: 0n, fastLzLength: signedLength(data, to) })
    expect(Number(reckoned) / Number(asked)).toBeCloseTo(1, 1)
    expect(Math.abs(Number(reckoned - asked)) / Number(asked)).toBeLessThan(0.02)
  })

  it.each([
    ['isthmus', { isIsthmus: 1n }],
    ['jovian', { isIsthmus: 1n, isJovian: 1n }],
  ] as const)('have the operator’s part since %s, as viem has it', async (upgrade, flags) => {
    const answers = { operatorFeeScalar: 1_439_103n, operatorFeeConstant: 987_654_321n, ...flags }
    const fake = withFakeAnswers(answers)
    const prices = await readFeePrices(fake)
    expect(prices.layer2).toMatchObject({
      upgrade,
      operatorFeeScalar: 1_439_103n,
      l1BaseFee: ATTRIBUTES.l1BaseFee,
    })
    const call = { account: tenant.account.address, to: DEPOSITOR, value: 1n } as const
    const asked = await estimateOperatorFee(fake.client, {
      ...call,
      l1BlockAddress: L1_BLOCK,
      chain: null,
    } as never)
    const gas = BigInt(await rpc('eth_estimateGas', { from: call.account, to: call.to, value: '0x1' }))
    expect(costOf(prices, { gas, fastLzLength: 0 }).operator).toBe(asked)
    expect(asked).toBeGreaterThan(987_654_321n)
  })

  it('are gas alone on the development layer 2, where nobody sets prices of layer 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cloister-fees-'))
    const genesis = join(folder, 'genesis.json')
    writeFileSync(genesis, layer2Genesis(31337, Math.floor(Date.now() / 1000) - 60))
    const layer2 = await startDevelopmentChain(['--network', 'optimism', '--init', genesis])
    try {
      const prices = await readFeePrices(layer2.wallet(0))
      expect(prices.layer2).toMatchObject({ upgrade: 'fjord', l1BaseFee: 0n, blobBaseFee: 0n })
      expect(costOf(prices, { gas: 9n, fastLzLength: 500 })).toMatchObject({ data: 0n, operator: 0n })
    } finally {
      await layer2.stop()
      rmSync(folder, { recursive: true })
    }
  })

  it('are not believed where they are absurd', async () => {
    await expect(readFeePrices(withFakeAnswers({ basefee: 2n ** 255n }))).rejects.toMatchObject({
      code: 'bad-answer',
    })
  })

  it('are told to be unreachable where the node is', async () => {
    const away = connectChain({ ...chain.network, rpcUrl: 'http://127.0.0.1:9' })
    await expect(readFeePrices(away)).rejects.toMatchObject({ code: 'chain-unreachable' })
  })
})

/** The chain, behind a fake that answers some views without arguments by itself. */
function withFakeAnswers(answers: Readonly<Record<string, bigint>>): Chain {
  const bySelector = new Map(
    Object.entries(answers).map(([name, value]) => [
      toFunctionSelector(`${name}()`),
      padHex(numberToHex(value)),
    ]),
  )
  const transport = custom({
    request: async ({ method, params }: { method: string; params?: unknown[] }) => {
      const { data } = ((method === 'eth_call' && params?.[0]) || {}) as { data?: Hex }
      return (data !== undefined && bySelector.get(data)) || rpc(method, ...(params ?? []))
    },
  })
  return connectChain(chain.network, transport)
}
