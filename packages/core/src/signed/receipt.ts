import { type Address, type Hex, recoverTypedDataAddress } from 'viem'
import * as z from 'zod'
import { address, bytes32, decimal, hexBytes } from '../shapes.ts'

/** A worker's word on one unit of its work: number `sequence` of a lease, in `era`, had this content. */
export interface Receipt {
  worker: Address
  lease: Hex
  /**
   * The life of the worker's store: a number that is drawn at random when the store is made. The worker
   * counts anew in each.
   */
  era: bigint
  /** From 0, by lease and era. A number that was never handed out may be missing. */
  sequence: bigint
  /** Hash of what was done: request, response, frame or message. */
  content: Hex
}

/** A receipt with the signature of the worker's key. */
export interface SignedReceipt extends Receipt {
  signature: Hex
}

/** EIP-712 types of a receipt, as in Slashing.sol. */
export const RECEIPT_TYPES = {
  Receipt: [
    { name: 'worker', type: 'address' },
    { name: 'lease', type: 'bytes32' },
    { name: 'era', type: 'uint64' },
    { name: 'sequence', type: 'uint64' },
    { name: 'content', type: 'bytes32' },
  ],
} as const

/** What a worker's key signs of a receipt (EIP-712): `workers` is the Workers contract of the chain. */
export function receiptTypedData(receipt: Receipt, chainId: number, workers: Address) {
  return {
    domain: { name: 'Cloister Receipts', version: '1', chainId, verifyingContract: workers },
    types: RECEIPT_TYPES,
    primaryType: 'Receipt' as const,
    message: receipt,
  } as const
}

/** Whether a receipt is signed by the worker that it names, for the chain's Workers contract. */
export async function isReceiptSigned(
  { signature, ...receipt }: SignedReceipt,
  chainId: number,
  workers: Address,
): Promise<boolean> {
  const signer = await recoverTypedDataAddress({
    ...receiptTypedData(receipt, chainId, workers),
    signature,
  }).catch(() => undefined)
  return signer === receipt.worker
}

const uint64 = decimal.refine((text) => BigInt(text) < 1n << 64n, 'more than 64 bits')

/** A signed receipt in JSON. */
export const SignedReceiptJson = z.strictObject({
  worker: address,
  lease: bytes32,
  era: uint64,
  sequence: uint64,
  content: bytes32,
  signature: hexBytes,
})
export type SignedReceiptJson = z.infer<typeof SignedReceiptJson>

/** A signed receipt as JSON has it. */
export function receiptToJson(receipt: SignedReceipt): SignedReceiptJson {
  return { ...receipt, era: String(receipt.era), sequence: String(receipt.sequence) }
}

/** A signed receipt out of JSON; undefined for what is none. */
export function receiptFromJson(json: unknown): SignedReceipt | undefined {
  const { data } = SignedReceiptJson.safeParse(json)
  return data && { ...data, era: BigInt(data.era), sequence: BigInt(data.sequence) }
}
