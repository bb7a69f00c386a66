import {
  claimsOfGuest,
  EvidenceError,
  Findings,
  type GuestClaims,
  type GuestEndorsements,
  type GuestKind,
  type TrustRoot,
  type Verdict,
  verifyGuest,
} from '@cloister/attest'
import { CloisterError } from '@cloister/core'
import { bytesToHex } from 'viem'
import { BINDING, FRESHNESS } from './bundle-rules.ts'

/** Evidence about a guest, and what it is judged with. */
export interface GuestEvidence {
  kind: GuestKind
  /** TDX quote, SEV-SNP report or Nitro document. */
  quote: Uint8Array
  endorsements: GuestEndorsements
}

/** What is known of a guest once its evidence was judged. */
export interface JudgedGuest {
  /** About the hardware alone. */
  hardware: Verdict
  /** Whose evidence it is, and how fresh. */
  binding: Findings
}

/**
 * Judges a guest's evidence: hardware under `root` made it, valid at `instant` (Unix seconds), over the 64
 * bytes of `reportData` (`reportDataOf`), which name the network, provider, worker and TLS key, and a block
 * or number. Every judgement of a worker begins with this one. Never throws for what is in the evidence.
 */
export async function judgeGuest(
  { kind, quote, endorsements }: GuestEvidence,
  { reportData, ...trust }: { reportData: Uint8Array; root: TrustRoot; instant: number },
): Promise<JudgedGuest> {
  const hardware = await verifyGuest(kind, quote, endorsements, trust)
  const binding = new Findings()
  const { reportData: found } = hardware
  const [whose, fresh] = [`0x${found.slice(0, 64)}`, `0x${found.slice(64)}`]
  const [ours, asked] = [bytesToHex(reportData.subarray(0, 32)), bytesToHex(reportData.subarray(32))]
  binding.note(BINDING, whose === ours, whose, ours)
  binding.note(FRESHNESS, fresh === asked, fresh, asked)
  return { hardware, binding }
}

/** What a guest's evidence claims, before anything is verified. Throws `bad-evidence`. */
export async function claimsOf(kind: GuestKind, quote: Uint8Array): Promise<GuestClaims> {
  try {
    return await claimsOfGuest(kind, quote)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('bad-evidence', `What should be evidence of a guest is none: ${cause.message}`, {
      cause,
    })
  }
}
