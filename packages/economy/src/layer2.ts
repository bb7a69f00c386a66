import type { FeePrices, Layer2Prices } from '@cloister/chain'

const GWEI = 10n ** 9n
const DAY_SECONDS = 86_400n
/**
 * Parts of the base fees that OP Mainnet charges for data, which has its batches in blobs: what others of its
 * kind begin with.
 */
const SCALARS = { baseFeeScalar: 5_227n, blobBaseFeeScalar: 1_014_213n }
/** Blob gas costs at least so much of the base fee. Source: EIP-7918. */
const BLOB_FLOOR = 16n
const BLOB_GAS = 131_072n
const TRANSACTION_GAS = 21_000n
/**
 * Gas on layer 1 of having an output believed by OP Succinct's oracle: a block hash is kept, an output
 * proposed, and its proof checked. The first two as measured on anvil, the last as published for SP1.
 */
const PROPOSAL_GAS = 48_700n + 118_800n + 270_000n

/** Prices as people say them: gwei for a unit of gas, with decimals. */
export interface Gwei {
  layer1: number
  layer2: number
  /** Of blob gas; as low as it can be if not given. */
  blob?: number
}

/** What a chain at Jovian without an operator's fee takes at such prices. */
export function feePricesAt({ layer1, layer2, blob }: Gwei): FeePrices & { layer2: Layer2Prices } {
  const l1BaseFee = weiOf(layer1)
  const floor = l1BaseFee / BLOB_FLOOR
  const asked = blob === undefined ? floor : weiOf(blob)
  return {
    gasPrice: weiOf(layer2),
    layer2: {
      ...SCALARS,
      upgrade: 'jovian',
      l1BaseFee,
      blobBaseFee: asked > floor ? asked : floor,
      operatorFeeScalar: 0n,
      operatorFeeConstant: 0n,
    },
  }
}

/** How often the operator writes to layer 1, whatever the traffic. */
export interface Rhythm {
  /** Seconds between two outputs with a proof. */
  proposalSeconds: number
  /** Seconds after which a batch is sent though its blob isn't full. */
  batchSeconds: number
}

/**
 * Wei that the chain costs its operator on layer 1 in a day without any traffic: outputs and their proofs'
 * checks, and batches of one blob. What provers and servers ask is beside that.
 */
export function fixedCostPerDay({ proposalSeconds, batchSeconds }: Rhythm, prices: Layer2Prices): bigint {
  const perDay = (each: bigint, seconds: number) => (each * DAY_SECONDS) / BigInt(seconds)
  const batch = TRANSACTION_GAS * prices.l1BaseFee + BLOB_GAS * prices.blobBaseFee
  return perDay(PROPOSAL_GAS * prices.l1BaseFee, proposalSeconds) + perDay(batch, batchSeconds)
}

/** Wei as dollars, at so many an ether: for reading, never for paying. */
export function dollarsOf(wei: bigint, etherPrice: number): number {
  return (Number(wei) / 1e18) * etherPrice
}

function weiOf(gwei: number): bigint {
  return BigInt(Math.round(gwei * Number(GWEI)))
}
