import { encodeAbiParameters, type Hex, keccak256, stringToHex } from 'viem'
import * as z from 'zod'
import { bytes32, decimal } from '../shapes.ts'

/** Tokens of one answer. `cached` are those of `input` that the engine had already. */
export interface TokenUsage {
  input: bigint
  cached: bigint
  output: bigint
}

/** Base units of a payment token per 1,000,000 tokens of a model, by what the tokens are. */
export interface TokenPrices {
  input: bigint
  cached: bigint
  output: bigint
}

/** What one answer cost, and by which offer. */
export interface Charge extends TokenUsage {
  /** The offer's id; zero where the answer was free. */
  offer: Hex
  /** The channel that is charged; zero where none is. */
  channel: Hex
  /** Base units of the offer's token. */
  amount: bigint
  /** What the channel was ever charged, this one included. */
  total: bigint
}

/** The type of a charge (EIP-712), as in Slashing.sol. `details` is the hash of all else of a receipt. */
export const CHARGE_TYPES = {
  Charge: [
    { name: 'offer', type: 'bytes32' },
    { name: 'channel', type: 'bytes32' },
    { name: 'input', type: 'uint64' },
    { name: 'cached', type: 'uint64' },
    { name: 'output', type: 'uint64' },
    { name: 'amount', type: 'uint128' },
    { name: 'total', type: 'uint128' },
    { name: 'details', type: 'bytes32' },
  ],
} as const

const CHARGE_TYPE = `Charge(${CHARGE_TYPES.Charge.map(({ name, type }) => `${type} ${name}`).join(',')})`
const WORDS = [{ type: 'bytes32' }, ...CHARGE_TYPES.Charge.map(({ type }) => ({ type }))] as const

/**
 * The content of a worker's receipt for an answer: the struct hash (EIP-712) of what it cost and the hash of
 * everything else that the receipt says. Slashing computes it again to judge an overcharge.
 */
export function chargeContent(charge: Charge, details: Hex): Hex {
  const { offer, channel, input, cached, output, amount, total } = charge
  const values = [offer, channel, input, cached, output, amount, total, details]
  return keccak256(encodeAbiParameters(WORDS, [keccak256(stringToHex(CHARGE_TYPE)), ...values]))
}

/**
 * What so many tokens cost, in base units, rounded up. Where `cached` says more than `input`, all of the
 * input counts as cached.
 */
export function priceOf({ input, cached, output }: TokenUsage, prices: TokenPrices): bigint {
  const known = cached < input ? cached : input
  const millionths = (input - known) * prices.input + known * prices.cached + output * prices.output
  return (millionths + 999_999n) / 1_000_000n
}

const uint64 = decimal.refine((text) => BigInt(text) < 1n << 64n, 'more than 64 bits')
const uint128 = decimal.refine((text) => BigInt(text) < 1n << 128n, 'more than 128 bits')

/** A charge in JSON. */
export const ChargeJson = z.strictObject({
  offer: bytes32,
  channel: bytes32,
  input: uint64,
  cached: uint64,
  output: uint64,
  amount: uint128,
  total: uint128,
})
export type ChargeJson = z.infer<typeof ChargeJson>

/** A charge as JSON has it. */
export function chargeToJson({ offer, channel, input, cached, output, amount, total }: Charge): ChargeJson {
  return {
    offer,
    channel,
    input: String(input),
    cached: String(cached),
    output: String(output),
    amount: String(amount),
    total: String(total),
  }
}

/** A charge out of JSON; undefined for what is none. */
export function chargeFromJson(json: unknown): Charge | undefined {
  const { data } = ChargeJson.safeParse(json)
  return (
    data && {
      ...data,
      input: BigInt(data.input),
      cached: BigInt(data.cached),
      output: BigInt(data.output),
      amount: BigInt(data.amount),
      total: BigInt(data.total),
    }
  )
}
