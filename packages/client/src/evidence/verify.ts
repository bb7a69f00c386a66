import { type Chain, type Network, trustRootOf } from '@cloister/chain'
import { type BundleTrust, type Demands, type EvidenceBundle, type Judgement, judge } from '@cloister/verify'
import { type GatherOptions, gatherEvidence, type Subject } from './gather.ts'

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
  chain: Chain,
  subject: Subject,
  options: GatherOptions,
  demands?: Demands,
): Promise<Verified> {
  const bundle = await gatherEvidence(chain, subject, options)
  return { bundle, verdict: await judge(bundle, trustOf(chain.network), demands) }
}
