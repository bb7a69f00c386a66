import {
  fetchReceipt,
  type ReceiptSubject,
  type VerifiedReceipt,
  verifyReceipt,
} from '@cloister/inference/client'
import type { InferenceReceipt } from '@cloister/inference/protocol'
import type { Cloister } from '../cloister.ts'

/**
 * A receipt by its id, from the index, which keeps those that are anchored, or else from the gateway, which
 * asks the endpoint. Nothing of it is checked: `receipts.verify` does that. Throws `bad-name`, `not-found` or
 * `unreachable`.
 *
 * @example
 * ```ts
 * import { receipts } from '@cloister/sdk'
 *
 * const file = await receipts.fetch(cloister, 'rcpt_7f3a000000000000000000000000000000')
 * ```
 */
export async function fetchById({ network, send }: Cloister, id: string): Promise<InferenceReceipt> {
  const ways = [network.indexerUrl, network.gatewayUrl].map((url) => ({ url, send }))
  let why: unknown
  for (const way of ways)
    try {
      return await fetchReceipt(way, id)
    } catch (error) {
      // The gateway knows of the newest ones.
      why = error
    }
  throw why
}

/**
 * What a receipt proves, held against the chain alone: whoever gave it has to be believed in nothing. With
 * the bytes of request and answer it proves those too. Throws `bad-receipt` for what is no receipt, and
 * `chain-unreachable`.
 *
 * @example
 * ```ts
 * import { receipts } from '@cloister/sdk'
 *
 * const { ok, sentence, limits } = await receipts.verify(cloister, JSON.parse(text))
 * ```
 */
export function verify(
  { chain }: Cloister,
  file: unknown,
  subject?: ReceiptSubject,
): Promise<VerifiedReceipt> {
  return verifyReceipt(chain, file, subject)
}
