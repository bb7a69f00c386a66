import {
  EvidenceError,
  type FetchForCollateral,
  fetchCollateral,
  type GuestCollateral,
  type GuestKind,
  type QuoteCollateral,
} from '@cloister/attest'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { readBody, type Send } from '@cloister/transport/web'
import { claimsOf } from '@cloister/verify'

const ANSWER_MS = 10_000
const KEPT_MS = 600_000
const MAX_BYTES = 2 * 1024 * 1024
type Kept = Map<string, { at: number; collateral: Promise<QuoteCollateral> }>
/** By network, and by Intel's family of platforms (FMSPC). */
const keptOf = new WeakMap<Network, Kept>()

/** Evidence about a guest, and collateral that came along with it. */
export interface GuestEvidence {
  kind: GuestKind
  /** TDX quote, SEV-SNP report or Nitro document. */
  quote: Uint8Array
  /** For SEV-SNP: AMD's certificates and revocation list, as the worker has them. They prove themselves. */
  collateral?: GuestCollateral | undefined
}

/**
 * What a guest's evidence is judged with: Intel's collateral from the network's service, kept for ten
 * minutes; AMD's as it came along; nothing for Amazon. `send`: how that service is asked, if another way than
 * the global `fetch`. Throws `no-collateral`, or `bad-evidence` for what is no evidence.
 */
export async function collateralFor(
  network: Network,
  { kind, quote, collateral }: GuestEvidence,
  send?: Send,
): Promise<GuestCollateral> {
  if (kind === 'nitro') return {}
  if (kind === 'sev-snp') {
    if (collateral) return collateral
    throw new CloisterError(
      'no-collateral',
      'The worker gives no certificates of AMD’s along with its report.',
    )
  }
  const { family } = await claimsOf(kind, quote)
  const kept: Kept = keptOf.get(network) ?? new Map()
  keptOf.set(network, kept)
  const known = kept.get(family)
  if (known && Date.now() - known.at < KEPT_MS) return known.collateral
  const asked = fetchCollateral(quote, {
    baseUrl: network.attestation.collateralUrl,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(send && { fetch: fetchOver(send) }),
  })
  kept.set(family, { at: Date.now(), collateral: asked })
  try {
    return await asked
  } catch (cause) {
    kept.delete(family)
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('no-collateral', `The vendor’s collateral is not to be had: ${cause.message}`, {
      hint: 'It is needed to judge the hardware. Try again, or check `attestation.collateralUrl` of the network.',
      cause,
    })
  }
}

function fetchOver(send: Send): FetchForCollateral {
  return async (url, init) => {
    const { ok, status, headers, body } = await send(url, init)
    return {
      ok,
      status,
      headers,
      arrayBuffer: async () => Uint8Array.from(await readBody(body, MAX_BYTES)).buffer,
    }
  }
}
