import { fetchJson } from '@cloister/client'
import { InferenceReceipt, MAX_RECEIPT_BYTES } from '@cloister/inference/protocol'

const ANSWER_MS = 5_000

/** Asks the index for receipts that it keeps. What is returned rejects where it has none. */
export function keptReceipts(indexerUrl: string): (receipt: string) => Promise<InferenceReceipt> {
  const base = indexerUrl.replace(/\/$/, '')
  return (receipt) =>
    fetchJson('The index', `${base}/v1/receipts/${encodeURIComponent(receipt)}`, InferenceReceipt, {
      maxBytes: MAX_RECEIPT_BYTES,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
}
