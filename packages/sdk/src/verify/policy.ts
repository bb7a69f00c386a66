import type { BundleVerdict } from '@cloister/attest'
import { CloisterError, formatDuration, type Policy } from '@cloister/core'

/**
 * Why a verdict doesn't meet a policy, sentence by sentence; none if it does. `attestedSecondsAgo`: since the worker last
 * attested on chain.
 */
export function failuresOf({ verdict, image, problems }: BundleVerdict, policy: Policy, attestedSecondsAgo: number): string[] {
  if (problems.length > 0) return problems.map(({ message }) => message)
  const failures: string[] = []
  const { root, tcb } = verdict
  if (root === undefined || !(policy.roots as string[]).includes(root))
    failures.push(`Its root is ${root === 'devnet' ? 'devnet, which is simulated' : root}; the policy wants ${policy.roots.join(' or ')}.`)
  if (tcb === undefined || !(policy.tcb as string[]).includes(tcb.status))
    failures.push(`Its TCB status is ${tcb?.status ?? 'unknown'}; the policy wants ${policy.tcb.join(' or ')}.`)
  if (policy.images && (image === undefined || !policy.images.includes(image))) failures.push(`Its guest image is ${image}, which the policy does not list.`)
  if (attestedSecondsAgo > policy.maxAgeSeconds)
    failures.push(`It last attested on chain ${formatDuration(attestedSecondsAgo)} ago; the policy wants no more than ${formatDuration(policy.maxAgeSeconds)}.`)
  return failures
}

/** Throws `policy` with the reasons where a verdict doesn't meet a policy. */
export function demand(verdict: BundleVerdict, policy: Policy, attestedSecondsAgo: number): void {
  const [first, ...others] = failuresOf(verdict, policy, attestedSecondsAgo)
  if (first === undefined) return
  throw new CloisterError('policy', first, { details: { others }, hint: 'Look closer with `cloister verify`, or say another --policy.' })
}
