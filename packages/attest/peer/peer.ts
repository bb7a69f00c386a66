import { createRequire } from 'node:module'
import type { QuoteCollateral } from '../src/index.ts'

interface PeerReport {
  status: string
  advisory_ids: string[]
}
interface Peer {
  verify(quote: Uint8Array, collateral: QuoteCollateral, instant: number): PeerReport
}

const { verify } = createRequire(import.meta.url)('@phala/dcap-qvl') as Peer

export type PeerVerdict = { accepted: true; status: string; advisories: string[] } | { accepted: false; reason: string }

/** What `@phala/dcap-qvl` says of a quote. */
export function askPeer(quote: Uint8Array, collateral: QuoteCollateral, instant: number): PeerVerdict {
  try {
    const { status, advisory_ids } = verify(quote, collateral, instant)
    return { accepted: true, status, advisories: advisory_ids }
  } catch (error) {
    return { accepted: false, reason: error instanceof Error ? error.message : String(error) }
  }
}
