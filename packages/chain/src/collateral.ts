import { EvidenceError, fetchCollateral, platformFamily, type QuoteCollateral } from '@cloister/attest'
import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { Network } from './network.ts'

const ANSWER_MS = 10_000
const KEPT_MS = 600_000
const kept = new Map<string, { at: number; collateral: Promise<QuoteCollateral> }>()

/**
 * The vendor's collateral for a quote, from the network's service; kept for ten minutes. Throws `no-collateral`, or
 * `bad-evidence` for a quote that is of no platform.
 */
export async function collateralFor(network: Network, quote: Uint8Array): Promise<QuoteCollateral> {
  const key = `${network.attestation.collateralUrl} ${familyOf(quote).family}`
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

/** A quote's family of platforms and guest image, before anything is verified. Throws `bad-evidence`. */
export function familyOf(quote: Uint8Array): { family: string; image: Hex } {
  try {
    return platformFamily(quote)
  } catch (cause) {
    throw new CloisterError('bad-evidence', 'What should be a quote is none of a platform’s.', { cause })
  }
}
