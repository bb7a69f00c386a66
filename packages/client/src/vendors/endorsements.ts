import {
  EvidenceError,
  type FetchForEndorsements,
  fetchEndorsements,
  type GuestEndorsements,
  type GuestKind,
  type QuoteEndorsements,
} from '@cloister/attest'
import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { readBody, type Send } from '@cloister/transport/web'
import { claimsOf } from '@cloister/verify'

const ANSWER_MS = 10_000
const KEPT_MS = 600_000
const MAX_BYTES = 2 * 1024 * 1024
type Kept = Map<string, { at: number; endorsements: Promise<QuoteEndorsements> }>
/** By network, and by Intel's family of platforms (FMSPC). */
const keptOf = new WeakMap<Network, Kept>()

/** Evidence about a guest, and endorsements that came along with it. */
export interface GuestEvidence {
  kind: GuestKind
  /** TDX quote, SEV-SNP report or Nitro document. */
  quote: Uint8Array
  /** For SEV-SNP: AMD's certificates and revocation list, as the worker has them. They prove themselves. */
  endorsements?: GuestEndorsements | undefined
}

/**
 * What a guest's evidence is judged with: Intel's endorsements from the network's service, kept for ten
 * minutes; AMD's as it came along; nothing for Amazon. `send`: how that service is asked, if another way than
 * the global `fetch`. Throws `no-endorsements`, or `bad-evidence` for what is no evidence.
 */
export async function endorsementsFor(
  network: Network,
  { kind, quote, endorsements }: GuestEvidence,
  send?: Send,
): Promise<GuestEndorsements> {
  if (kind === 'nitro') return {}
  if (kind === 'sev-snp') {
    if (endorsements) return endorsements
    throw new CloisterError(
      'no-endorsements',
      'The worker gives no certificates of AMD’s along with its report.',
    )
  }
  const { family } = await claimsOf(kind, quote)
  const kept: Kept = keptOf.get(network) ?? new Map()
  keptOf.set(network, kept)
  const known = kept.get(family)
  if (known && Date.now() - known.at < KEPT_MS) return known.endorsements
  const asked = fetchEndorsements(quote, {
    baseUrl: network.attestation.endorsementsUrl,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(send && { fetch: fetchOver(send) }),
  })
  kept.set(family, { at: Date.now(), endorsements: asked })
  try {
    return await asked
  } catch (cause) {
    kept.delete(family)
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError(
      'no-endorsements',
      `The vendor’s endorsements are not to be had: ${cause.message}`,
      {
        hint: 'They are needed to judge the hardware. Try again, or check `attestation.endorsementsUrl` of the network.',
        cause,
      },
    )
  }
}

function fetchOver(send: Send): FetchForEndorsements {
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
