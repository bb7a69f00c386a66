import type { Address, Hex } from 'viem'
import { z } from 'zod'
import { address, bytes32, decimal, hexBytes } from './words.ts'

/** A worker's signed word on one unit of its work: that number `sequence` of a lease had this content. */
export interface SignedReceipt {
  worker: Address
  lease: Hex
  sequence: bigint
  /** Hash of what was done: request, response, frame or message. */
  content: Hex
  signature: Hex
}

/** A signed receipt in JSON. */
export const SignedReceiptJson = z.strictObject({
  worker: address,
  lease: bytes32,
  sequence: decimal.refine((text) => BigInt(text) < 1n << 64n, 'more than 64 bits'),
  content: bytes32,
  signature: hexBytes,
})
export type SignedReceiptJson = z.infer<typeof SignedReceiptJson>
