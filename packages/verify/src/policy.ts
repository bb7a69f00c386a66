import type { Verdict } from '@cloister/attest'
import { CloisterError, type ConfirmedGpus, formatDuration, type Policy } from '@cloister/core'
import { isInPlace } from './place/labels.ts'
import type { BundleVerdict } from './verdict.ts'

/** What a policy asks of a worker that its evidence doesn't say. */
export interface PolicyFacts {
  /**
   * Since the worker last attested on chain, as the chain has it (`getAttestationAge`); Infinity where that
   * isn't known, or not said.
   */
  attestedSecondsAgo?: number
  /**
   * GPUs that are wanted, of any of the models (of any at all, if none is named), and those that are
   * confirmed on chain; undefined where none are wanted.
   */
  gpus?: { wanted: number; models: readonly string[]; confirmed: ConfirmedGpus } | undefined
}

/**
 * Why a verdict doesn't meet a policy, sentence by sentence; none if it does. What a policy leaves out is not
 * demanded.
 */
export function failuresOf(
  { genuine, verdict, measurement, places, problems }: BundleVerdict,
  policy: Partial<Policy>,
  { attestedSecondsAgo = Number.POSITIVE_INFINITY, gpus }: PolicyFacts,
): string[] {
  if (problems.length > 0) return problems.map(({ message }) => message)
  if (!genuine) return ['Its evidence is not genuine.']
  const failures: string[] = []
  const { root } = verdict
  if (policy.roots && (root === undefined || !(policy.roots as string[]).includes(root)))
    failures.push(
      `Its root is ${root === 'devnet' ? 'devnet, which is simulated' : root}; the policy wants ${policy.roots.join(' or ')}.`,
    )
  if (policy.tcb) failures.push(...tcbFailures(verdict, policy.tcb))
  if (policy.measurements && (measurement === undefined || !policy.measurements.includes(measurement)))
    failures.push(`Its measurement is ${measurement}, which the policy does not list.`)
  if (policy.places && !places.some(({ label }) => policy.places?.some((place) => isInPlace(label, place))))
    failures.push(
      `${places.length === 0 ? 'No witness says where it stands' : `Witnesses saw it at ${places.map(({ label }) => label).join(', ')}`}; the policy wants ${policy.places.join(' or ')}.`,
    )
  if (policy.gpus === 'confidential' && gpus && !areConfirmed(gpus))
    failures.push(
      `${gpus.confirmed.gpus === 0 ? 'None of its GPUs is' : `${gpus.confirmed.gpus} GPUs of class ${gpus.confirmed.gpuClass} are`} confirmed in confidential mode; the policy wants ${gpus.wanted}${gpus.models.length > 0 ? ` × ${gpus.models.join(' or ')}` : ''}.`,
    )
  if (policy.maxAgeSeconds !== undefined && attestedSecondsAgo > policy.maxAgeSeconds) {
    const when = Number.isFinite(attestedSecondsAgo)
      ? `It last attested on chain ${formatDuration(attestedSecondsAgo)} ago`
      : 'The chain does not say when it last attested'
    failures.push(`${when}; the policy wants no more than ${formatDuration(policy.maxAgeSeconds)}.`)
  }
  return failures
}

/** Throws `policy` with the reasons where there are any. */
export function requireMet({ failures }: { failures: readonly string[] }): void {
  const [first, ...others] = failures
  if (first === undefined) return
  throw new CloisterError('policy', first, {
    details: { others },
    hint: { do: 'verify-worker' },
  })
}

/** AMD and Amazon publish no such status: whoever lets their roots do, lets their machines as they are do. */
function tcbFailures({ kind, tcb }: Verdict, wanted: Policy['tcb']): string[] {
  const hasStatus = kind === 'tdx' || kind === 'sgx'
  if (!hasStatus || (tcb !== undefined && (wanted as string[]).includes(tcb.status))) return []
  return [`Its TCB status is ${tcb?.status ?? 'unknown'}; the policy wants ${wanted.join(' or ')}.`]
}

function areConfirmed({ wanted, models, confirmed }: NonNullable<PolicyFacts['gpus']>): boolean {
  return (
    confirmed.gpus >= wanted && (wanted === 0 || models.length === 0 || models.includes(confirmed.gpuClass))
  )
}
