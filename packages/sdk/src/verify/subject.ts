import { type Network, trustRootOf } from '@cloister/chain'
import { type GatherOptions, gatherEvidence, type Subject } from '@cloister/client'
import { type BundleTrust, type Demands, type EvidenceBundle, type Judgement, judge } from '@cloister/verify'
import type { Cloister } from '../cloister.ts'

/** Evidence and what checking it concludes. */
export interface Verified {
  bundle: EvidenceBundle
  verdict: Judgement
}

/** Whom a network's users believe, of evidence that was put together from the chain just now. */
export function trustOf(network: Network): BundleTrust {
  return { root: trustRootOf(network), witnesses: network.attestation.witnesses, checkedOnChain: true }
}

/**
 * Gathers evidence about a worker and judges it by the network's root, and by what else is demanded. Throws
 * what `gatherEvidence` throws.
 */
export async function verifySubject(
  cloister: Cloister,
  subject: Subject,
  options: GatherOptions,
  demands?: Demands,
): Promise<Verified> {
  const bundle = await gatherEvidence(cloister.chain, subject, options)
  return { bundle, verdict: await judge(bundle, trustOf(cloister.network), demands) }
}
