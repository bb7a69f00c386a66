import { trustRootOf } from '@cloister/chain'
import { type BundleVerdict, type EvidenceBundle, verifyBundle } from '@cloister/verify'
import type { Cloister } from '../cloister.ts'
import { type GatherOptions, gatherEvidence, type Subject } from './gather.ts'

/** Evidence and what checking it concludes. */
export interface Verified {
  bundle: EvidenceBundle
  verdict: BundleVerdict
}

/**
 * Gathers evidence about a worker and checks it against the network's root. Throws what `gatherEvidence`
 * throws.
 */
export async function verifySubject(
  cloister: Cloister,
  subject: Subject,
  options: GatherOptions,
): Promise<Verified> {
  const bundle = await gatherEvidence(cloister, subject, options)
  const { network } = cloister
  const trust = { root: trustRootOf(network), witnesses: network.attestation.witnesses, checkedOnChain: true }
  return { bundle, verdict: await verifyBundle(bundle, trust) }
}
