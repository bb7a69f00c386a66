import { address, bytes32, decimal, type TokenPrices } from '@cloister/core'
import type { Address, Hex } from 'viem'
import * as z from 'zod'

/** An offer as the chain has it (`Vouchers.termsOf`). */
export interface Offer extends TokenPrices {
  id: Hex
  token: Address
  payee: Address
}

/** Whether nothing costs anything. */
export function isFree({ input, cached, output }: TokenPrices): boolean {
  return input === 0n && cached === 0n && output === 0n
}

/** Whether anything costs more by one offer than by another, or is paid in another token. */
export function isDearer(one: Omit<Offer, 'id' | 'payee'>, other: Omit<Offer, 'id' | 'payee'>): boolean {
  return (
    one.token !== other.token ||
    one.input > other.input ||
    one.cached > other.cached ||
    one.output > other.output
  )
}

/** An offer in JSON: amounts in decimal. */
export const OfferJson = z.strictObject({
  id: bytes32,
  token: address,
  payee: address,
  input: decimal,
  cached: decimal,
  output: decimal,
})
export type OfferJson = z.infer<typeof OfferJson>

/** An offer as JSON has it. */
export function offerToJson({ id, token, payee, input, cached, output }: Offer): OfferJson {
  return { id, token, payee, input: String(input), cached: String(cached), output: String(output) }
}

/** An offer out of checked JSON. */
export function offerFromJson(json: OfferJson): Offer {
  return { ...json, input: BigInt(json.input), cached: BigInt(json.cached), output: BigInt(json.output) }
}
