import { EvidenceError, fetchCollateral, type QuoteCollateral } from '@cloister/attest'
import { CloisterError } from '@cloister/core'
import type { Cloister } from '../cloister.ts'

const ANSWER_MS = 10_000
const KEPT_MS = 600_000
const kept = new Map<string, { at: number; collateral: Promise<QuoteCollateral> }>()

/** The vendor's collateral for a quote, from the network's service; kept for ten minutes. Throws `no-collateral`. */
export async function collateralFor({ network }: Cloister, quote: Uint8Array, family: string): Promise<QuoteCollateral> {
  const key = `${network.attestation.collateralUrl} ${family}`
  const known = kept.get(key)
  if (known && Date.now() - known.at < KEPT_MS) return known.collateral
  const collateral = fetchCollateral(quote, { baseUrl: network.attestation.collateralUrl, signal: AbortSignal.timeout(ANSWER_MS) })
  kept.set(key, { at: Date.now(), collateral })
  try {
    return await collateral
  } catch (cause) {
    kept.delete(key)
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('no-collateral', `The vendor’s collateral is not to be had: ${cause.message}`, {
      hint: 'It is needed to judge the hardware. Try again, or check `attestation.collateralUrl` of the network.',
      cause,
    })
  }
}
