import { everyPage, fetchJson } from '@cloister/client'
import { CloisterError, pageOf } from '@cloister/core'
import * as z from 'zod'
import type { Offered } from './offers.ts'

const ANSWER_MS = 5_000
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const decimal = z.string().regex(/^\d{1,39}$/)

/** What of an offer a gateway reads. */
const OfferRecord = z.object({
  lease: z.string().regex(/^0x[0-9a-f]{64}$/),
  token: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  input: decimal,
  cached: decimal,
  output: decimal,
  model: z.string().max(1_000),
  options: z.string().max(64 * 1024),
  offeredAt: z.number(),
})

/** Reads the offers that stand from the index; none from one that knows of no offers. */
export function offersOf(indexerUrl: string): () => Promise<readonly Offered[]> {
  const base = indexerUrl.replace(/\/$/, '')
  return async () => {
    try {
      return await everyPage((from) =>
        fetchJson(
          'The index',
          `${base}/v1/offers?${new URLSearchParams({ open: 'true', limit: '200', ...from })}`,
          pageOf(OfferRecord),
          {
            maxBytes: MAX_ANSWER_BYTES,
            signal: AbortSignal.timeout(ANSWER_MS),
          },
        ),
      )
    } catch (error) {
      if (error instanceof CloisterError && error.code === 'not-found') return []
      throw error
    }
  }
}
