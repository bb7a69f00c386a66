import { type BundleVerdict, type EvidenceBundle, verifyBundle } from '@cloister/attest'
import { trustRootOf } from '@cloister/chain'
import type { Cloister } from '../cloister.ts'
import { type GatherOptions, gatherEvidence, type Subject } from './gather.ts'

/** Evidence and what checking it concludes. */
export interface Verified {
  bundle: EvidenceBundle
  verdict: BundleVerdict
}

/** Gathers evidence about a worker and checks it against the network's root. Throws what `gatherEvidence` throws. */
export async function verifySubject(cloister: Cloister, subject: Subject, options: GatherOptions): Promise<Verified> {
  const bundle = await gatherEvidence(cloister, subject, options)
  return { bundle, verdict: await verifyBundle(bundle, { root: trustRootOf(cloister.network), witnesses: cloister.network.attestation.witnesses }) }
}
