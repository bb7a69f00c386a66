import { CloisterError } from '@cloister/core'
import { type Address, BaseError, ContractFunctionRevertedError, ContractFunctionZeroDataError } from 'viem'
import type { Chain } from '../client.ts'
import { chainError } from '../errors/chain-error.ts'
import type { FeePrices, Layer2Prices } from './cost.ts'

/** Where every OP Stack chain has them. Source: OP Stack specifications, "Predeploys". */
export const L1_BLOCK: Address = '0x4200000000000000000000000000000000000015'
export const GAS_PRICE_ORACLE: Address = '0x420000000000000000000000000000000000000F'

const L1_BLOCK_ABI = [
  view('basefee', 'uint256'),
  view('blobBaseFee', 'uint256'),
  view('baseFeeScalar', 'uint32'),
  view('blobBaseFeeScalar', 'uint32'),
  view('operatorFeeScalar', 'uint32'),
  view('operatorFeeConstant', 'uint64'),
] as const
const UPGRADES_ABI = [view('isFjord', 'bool'), view('isIsthmus', 'bool'), view('isJovian', 'bool')] as const
/** An ether for a unit of gas: whoever says more is not to be believed. */
const MOST_WEI_PER_GAS = 10n ** 18n

/**
 * What a chain takes for transactions now, in one exchange with the node on a chain that is no OP Stack
 * chain, and in two on one that is. Throws `bad-answer` where the chain's fees are older than Fjord or not to
 * be believed, and `chain-unreachable`.
 */
export async function readFeePrices(chain: Chain): Promise<FeePrices> {
  try {
    const [gasPrice, code] = await Promise.all([
      chain.client.getGasPrice(),
      chain.client.getCode({ address: L1_BLOCK }),
    ])
    const layer2 = code === undefined || code === '0x' ? undefined : await readLayer2Prices(chain)
    for (const price of [gasPrice, layer2?.l1BaseFee ?? 0n, layer2?.blobBaseFee ?? 0n])
      if (price > MOST_WEI_PER_GAS)
        throw new CloisterError('bad-answer', `The chain’s node says that gas costs ${price} wei a unit.`)
    return { gasPrice, ...(layer2 && { layer2 }) }
  } catch (error) {
    throw chainError('fees', error)
  }
}

async function readLayer2Prices({ client }: Chain): Promise<Layer2Prices> {
  const value = (functionName: (typeof L1_BLOCK_ABI)[number]['name']) =>
    client.readContract({ address: L1_BLOCK, abi: L1_BLOCK_ABI, functionName }).then(BigInt)
  const has = (functionName: (typeof UPGRADES_ABI)[number]['name']) =>
    orWithout(client.readContract({ address: GAS_PRICE_ORACLE, abi: UPGRADES_ABI, functionName }), false)
  const [l1BaseFee, blobBaseFee, baseFeeScalar, blobBaseFeeScalar, scalar, constant, fjord, isthmus, jovian] =
    await Promise.all([
      value('basefee'),
      value('blobBaseFee'),
      value('baseFeeScalar'),
      value('blobBaseFeeScalar'),
      orWithout(value('operatorFeeScalar'), 0n),
      orWithout(value('operatorFeeConstant'), 0n),
      has('isFjord'),
      has('isIsthmus'),
      has('isJovian'),
    ])
  if (!fjord)
    throw new CloisterError(
      'bad-answer',
      'The chain is an OP Stack chain from before Fjord (July 2024), whose fees aren’t reckoned here.',
      { hint: 'Its operator has to take its upgrades.' },
    )
  return {
    upgrade: jovian ? 'jovian' : isthmus ? 'isthmus' : 'fjord',
    l1BaseFee,
    blobBaseFee,
    baseFeeScalar,
    blobBaseFeeScalar,
    operatorFeeScalar: scalar,
    operatorFeeConstant: constant,
  }
}

/** What a contract answers, or `without` where it has no such function: it came with a later upgrade. */
async function orWithout<T>(answer: Promise<T>, without: T): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const lacks =
      error instanceof BaseError &&
      error.walk(
        (cause) =>
          cause instanceof ContractFunctionRevertedError || cause instanceof ContractFunctionZeroDataError,
      ) !== null
    if (lacks) return without
    throw error
  }
}

function view<const name extends string, const type extends string>(name: name, type: type) {
  return {
    type: 'function',
    name,
    inputs: [],
    outputs: [{ name: '', type }],
    stateMutability: 'view',
  } as const
}
