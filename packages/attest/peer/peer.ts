import qvl from '@phala/dcap-qvl'
import type { QuoteEndorsements } from '../src/index.ts'

export type PeerVerdict =
  | { accepted: true; status: string; advisories: string[] }
  | { accepted: false; reason: string }

/** What `@phala/dcap-qvl` says of a quote. */
export function askPeer(quote: Uint8Array, endorsements: QuoteEndorsements, instant: number): PeerVerdict {
  try {
    const { status, advisory_ids } = qvl.verify(
      quote,
      endorsements as Parameters<typeof qvl.verify>[1],
      instant,
    )
    return { accepted: true, status, advisories: advisory_ids }
  } catch (error) {
    return { accepted: false, reason: error instanceof Error ? error.message : String(error) }
  }
}
