import type { Policy } from '@cloister/core'
import { failuresOf, type PolicyFacts } from './policy.ts'
import type { BundleVerdict } from './verdict.ts'
import { type BundleTrust, verifyBundle } from './verify-bundle.ts'

/** What is demanded of a worker besides that its evidence be genuine. */
export interface Demands {
  /** What isn't in it isn't demanded. */
  policy?: Partial<Policy>
  facts?: PolicyFacts
}

/** A verdict, and how it stands to what is demanded. */
export interface Judgement extends BundleVerdict {
  /** Why this worker won't do, sentence by sentence; none if it does. Problems of the evidence come first. */
  failures: string[]
}

/**
 * Whether a worker is good enough: its evidence is genuine under a root that is believed, is the worker's and
 * fresh, its guest may earn, it is covered, and a policy is met. Everybody who judges a worker asks this: the
 * tenant before money moves, the key service before it gives keys, whoever opens a connection to the key in
 * the evidence. Offline; never throws for what is in the bundle.
 *
 * ```ts
 * const { genuine, failures } = await judge(bundle, { root: intelRoot }, { policy: { tcb: ['UpToDate'] } })
 * ```
 */
export async function judge(
  bundle: unknown,
  trust: BundleTrust,
  { policy = {}, facts = {} }: Demands = {},
): Promise<Judgement> {
  const verdict = await verifyBundle(bundle, trust)
  return { ...verdict, failures: failuresOf(verdict, policy, facts) }
}
