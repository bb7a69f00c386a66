import { address, bytes32, hexBytes } from '@cloister/core'
import { type Address, type Hex, isAddressEqual, recoverTypedDataAddress } from 'viem'
import * as z from 'zod'

/** A hub's signed word that it has a vote, and keeps it. */
export const Receipt = z.object({
  /** The vote's id. */
  vote: bytes32,
  /** What its envelope is published under (CIDv1). */
  content: z.string().max(100),
  /** Unix seconds. */
  receivedAt: z.int().min(0),
  hub: address,
  signature: hexBytes,
})
export type Receipt = z.infer<typeof Receipt>

const TYPES = {
  Receipt: [
    { name: 'vote', type: 'bytes32' },
    { name: 'content', type: 'string' },
    { name: 'receivedAt', type: 'uint64' },
  ],
} as const

/** What a hub signs: the domain says of which network. */
export function receiptTypedData(
  { vote, content, receivedAt }: Pick<Receipt, 'vote' | 'content' | 'receivedAt'>,
  { chainId, ballots }: { chainId: number; ballots: Address },
) {
  return {
    domain: { name: 'Cloister Hub', version: '1', chainId, verifyingContract: ballots },
    types: TYPES,
    primaryType: 'Receipt',
    message: { vote, content, receivedAt: BigInt(receivedAt) },
  } as const
}

/** Whether a receipt is of a vote, and of the hub that it names. Which hub is the right one, others know. */
export async function isReceiptOf(
  receipt: Receipt,
  vote: Hex,
  place: { chainId: number; ballots: Address },
): Promise<boolean> {
  if (receipt.vote !== vote) return false
  const { signature } = receipt
  const signer = await recoverTypedDataAddress({ ...receiptTypedData(receipt, place), signature }).catch(
    () => undefined,
  )
  return signer !== undefined && isAddressEqual(signer, receipt.hub)
}
