import { CloisterError, isReceiptSigned, receiptFromJson } from '@cloister/core'
import {
  InferenceReceipt,
  MOST_RECEIPTS_IN_BATCH,
  type ReceiptGround,
  receiptContent,
  receiptDigest,
  receiptTree,
} from '@cloister/inference/protocol'
import type { Address, Hex } from 'viem'
import * as z from 'zod'

/** A batch as its worker anchored it. */
export interface Anchored {
  lease: Hex
  worker: Address
  era: bigint
  index: number
  count: number
  root: Hex
}

/** What a door answers for a batch: its receipts, among other things. */
const Batch = z.object({ receipts: z.array(InferenceReceipt).max(MOST_RECEIPTS_IN_BATCH) })

/**
 * The receipts of a batch, each with its proof, out of what a door answered. Nobody on the way is believed:
 * they are all of those under the root, signed by the worker, of the lease. Throws `bad-answer`.
 */
export async function checkBatch(
  answer: unknown,
  { lease, worker, era, index, count, root }: Anchored,
  ground: ReceiptGround,
): Promise<InferenceReceipt[]> {
  const { data } = Batch.safeParse(answer)
  if (data?.receipts.length !== count) throw wrong('it does not have as many receipts as were anchored')
  const digests = data.receipts.map(({ signed }) => receiptDigest(signed, ground))
  const tree = receiptTree(digests)
  if (tree.root !== root) throw wrong('its receipts are not those under the root')
  for (const { signed, details, ...rest } of data.receipts) {
    const receipt = receiptFromJson(signed)
    const isOfBatch =
      signed.worker === worker &&
      signed.lease === lease &&
      details.lease === lease &&
      signed.era === String(era)
    if (!receipt || !isOfBatch) throw wrong('a receipt is of another lease, worker or era')
    if (receiptContent({ details, ...rest }) !== signed.content)
      throw wrong('a receipt is not what was signed')
    if (!(await isReceiptSigned(receipt, ground.chainId, ground.workers)))
      throw wrong('the worker did not sign a receipt')
  }
  return data.receipts.map((receipt, at) => ({
    ...receipt,
    proof: { era: String(era), index, count, root, path: tree.pathOf(digests[at] as Hex) },
  }))
}

function wrong(why: string): CloisterError {
  return new CloisterError('bad-answer', `That is not the batch which was anchored: ${why}.`)
}
