import { type Chain, getOffer } from '@cloister/chain'
import { fetchJson } from '@cloister/client'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { LEASE_HEADER, NONE } from '../protocol/constants.ts'
import { isDearer, type Offer } from '../protocol/prices.ts'
import { checkReceipt, InferenceReceipt, MAX_RECEIPT_BYTES, RECEIPT_ID } from '../protocol/receipt.ts'
import type { AnswerHashes } from './answer.ts'
import type { VerifiedEndpoint } from './endpoint.ts'
import { urlOn, type Way } from './reach.ts'

/**
 * A receipt by its id, from whoever has it: an endpoint, a gateway or the index. Nothing of it is checked but
 * its shape. Throws `bad-name`, `not-found`, `unreachable` or `bad-answer`.
 */
export async function fetchReceipt(way: Way, id: string, lease?: Hex): Promise<InferenceReceipt> {
  if (!RECEIPT_ID.test(id))
    throw new CloisterError('bad-name', `${JSON.stringify(id.slice(0, 60))} is no receipt's id.`, {
      hint: 'It is rcpt_ and 32 hexadecimal digits, as the header x-receipt-id of an answer has it.',
    })
  return fetchJson('Whoever keeps the receipt', urlOn(way, `/v1/receipts/${id}`), InferenceReceipt, {
    ...(lease && { headers: { [LEASE_HEADER]: lease } }),
    maxBytes: 4 * MAX_RECEIPT_BYTES,
    send: way.send,
  })
}

/**
 * Fetches the receipt of an answer that has ended, and holds it against what was sent and received: it is
 * signed by the worker that was verified, for its lease and manifest, over these very bytes, and costs no
 * more than its offer. Throws `bad-receipt` with what is wrong, and what `fetchReceipt` throws.
 */
export async function receiptOfAnswer(
  chain: Chain,
  endpoint: VerifiedEndpoint,
  { id, hashes }: { id: string; hashes: AnswerHashes },
): Promise<InferenceReceipt> {
  const file = await fetchReceipt(endpoint.way, id, endpoint.lease)
  const { details, charge, signed } = file
  const { options } = endpoint
  const { chainId, contracts } = chain.network
  const prices = await chargedBy(chain, endpoint, id, charge.offer)
  const { ok, steps } = await checkReceipt(file, { chainId, workers: contracts.workers, prices })
  if (!ok) throw badReceipt(id, steps.find((step) => !step.ok)?.says ?? 'It does not hold.')
  const held: [string, unknown, unknown][] = [
    ['id', details.id, id],
    ['lease', details.lease, endpoint.lease],
    ['worker', signed.worker, endpoint.worker],
    ['manifest', details.manifestHash, endpoint.manifestHash],
    ['weights', details.weights, options.weights?.digest ?? null],
    ['request', details.request, hashes.request],
    ['sealed request', details.requestSealed, hashes.requestSealed],
    ['answer', details.response, hashes.response],
    ['sealed answer', details.responseSealed, hashes.responseSealed],
  ]
  for (const [what, said, seen] of held)
    if (said !== seen) throw badReceipt(id, `Its ${what} is ${String(said)}; it was ${String(seen)}.`)
  if (![options.model, ...(options.aliases ?? [])].includes(details.model))
    throw badReceipt(id, `It is of the model ${details.model}, which the endpoint does not serve.`)
  return file
}

/**
 * The offer that an answer is charged by; undefined for one that costs nothing. It may be a newer one than
 * was verified. Throws `bad-receipt` for one that isn't the lease's, or costs more than that.
 */
async function chargedBy(
  chain: Chain,
  { lease, offer: verified }: VerifiedEndpoint,
  receipt: string,
  id: Hex,
): Promise<Offer | undefined> {
  if (id === NONE) return undefined
  if (verified?.id === id) return verified
  const found = await getOffer(chain, id)
  if (found?.lease !== lease)
    throw badReceipt(receipt, `The chain has no offer ${id.slice(0, 10)}… of this lease's.`)
  const { terms } = found
  if (verified && isDearer(terms, verified))
    throw badReceipt(
      receipt,
      'It is charged by a newer offer, which costs more than the one that was verified.',
    )
  return { id, ...terms }
}

function badReceipt(id: string, why: string): CloisterError {
  return new CloisterError('bad-receipt', `The receipt ${id} is not to be believed: ${why}`, {
    hint: 'Keep the answer and the receipt: a receipt that its worker signed wrongly costs its provider stake.',
  })
}
