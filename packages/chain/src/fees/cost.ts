/** What an OP Stack chain takes for a transaction beside its gas, as its L1Block contract has it. */
export interface Layer2Prices {
  /** The newest of the protocol's upgrades that its fees follow. */
  upgrade: 'fjord' | 'isthmus' | 'jovian'
  /** Wei for a unit of gas on layer 1. */
  l1BaseFee: bigint
  /** Wei for a unit of blob gas on layer 1. */
  blobBaseFee: bigint
  /** Millionths of the base fee that are charged for data, and of the blob base fee. */
  baseFeeScalar: bigint
  blobBaseFeeScalar: bigint
  /** What the operator takes of each unit of gas: millionths of a wei, and hundreds of wei since Jovian. */
  operatorFeeScalar: bigint
  /** Wei that the operator takes of each transaction. */
  operatorFeeConstant: bigint
}

/** What a chain takes for transactions now. */
export interface FeePrices {
  /** Wei for a unit of gas: the base fee and a tip. */
  gasPrice: bigint
  /** Only on OP Stack chains. */
  layer2?: Layer2Prices
}

/** What of a transaction its fee depends on. */
export interface Transaction {
  gas: bigint
  /** Bytes that FastLZ makes of it, serialised and signed (see `fastLzLength`). */
  fastLzLength: number
}

/** What a transaction costs. All but `gas` are wei. */
export interface Cost {
  gas: bigint
  /** Its gas on the chain itself. */
  execution: bigint
  /** Its data on layer 1; 0 where the chain is no OP Stack chain. */
  data: bigint
  /** What the chain's operator takes; 0 before Isthmus. */
  operator: bigint
  total: bigint
}

/** Parts of a byte that sizes are reckoned in. */
const SIZE_PRECISION = 1_000_000n
const SIZE_INTERCEPT = -42_585_600n
const SIZE_PER_FASTLZ_BYTE = 836_500n
const LEAST_SIZE = 100n * SIZE_PRECISION
const CALLDATA_GAS = 16n

/**
 * Wei for a transaction's data on layer 1: its size in the batcher's blobs, as estimated from what FastLZ
 * makes of it, times the prices there.
 * Source: OP Stack specifications, Fjord, "Fees".
 */
export function dataFeeOf(fastLzLength: number, prices: Layer2Prices): bigint {
  const estimated = SIZE_INTERCEPT + SIZE_PER_FASTLZ_BYTE * BigInt(fastLzLength)
  const size = estimated < LEAST_SIZE ? LEAST_SIZE : estimated
  const perByte =
    prices.baseFeeScalar * prices.l1BaseFee * CALLDATA_GAS + prices.blobBaseFeeScalar * prices.blobBaseFee
  return (size * perByte) / (SIZE_PRECISION * 1_000_000n)
}

/**
 * Wei that the chain's operator takes of a transaction.
 * Source: OP Stack specifications, Isthmus and Jovian, "Operator Fee".
 */
export function operatorFeeOf(gas: bigint, prices: Layer2Prices): bigint {
  const { upgrade, operatorFeeScalar, operatorFeeConstant } = prices
  if (upgrade === 'fjord') return 0n
  const byGas = gas * operatorFeeScalar
  return (upgrade === 'jovian' ? byGas * 100n : byGas / 1_000_000n) + operatorFeeConstant
}

/**
 * What a transaction costs. Needs no node.
 *
 * @example
 * ```ts
 * import { costOf, TRANSACTIONS } from '@cloister/chain'
 *
 * costOf({ gasPrice: 1_000_000n }, TRANSACTIONS.open).total // 196,851 units of gas at 0.001 gwei
 * ```
 */
export function costOf({ gasPrice, layer2 }: FeePrices, { gas, fastLzLength }: Transaction): Cost {
  const execution = gas * gasPrice
  const data = layer2 ? dataFeeOf(fastLzLength, layer2) : 0n
  const operator = layer2 ? operatorFeeOf(gas, layer2) : 0n
  return { gas, execution, data, operator, total: execution + data + operator }
}

/** What several transactions cost together. */
export function sumOf(costs: readonly Cost[]): Cost {
  const sum = (part: keyof Cost) => costs.reduce((total, cost) => total + cost[part], 0n)
  return {
    gas: sum('gas'),
    execution: sum('execution'),
    data: sum('data'),
    operator: sum('operator'),
    total: sum('total'),
  }
}
