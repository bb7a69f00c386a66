import type { CheckGroup, DstackIdentity, Problem, Verdict } from '@cloister/attest'
import type { Hex } from 'viem'
import type { EvidenceBundle } from './bundle.ts'
import type { Place } from './place/labels.ts'

/** What checking a bundle concludes. */
export interface BundleVerdict {
  /** No problem was found. */
  genuine: boolean
  simulated: boolean
  /** False where what the chain has to say (block, measurement, coverage, lease) is the bundle's word. */
  checkedOnChain: boolean
  /** About the hardware alone. */
  verdict: Verdict
  /** The guest's, as the chain names it. */
  measurement: Hex | undefined
  /** Where witnesses that the verifier believes say that the machine stands. */
  places: Place[]
  /** Which app a dstack machine runs, by its event log. */
  dstack: DstackIdentity | undefined
  groups: CheckGroup[]
  problems: Problem[]
  /** One sentence for people who are no experts. */
  sentence: string
}

/** The verdict on what is no bundle at all. */
export function unreadable(message: string): BundleVerdict {
  const problems = [{ code: 'bad-bundle', message }]
  const verdict: Verdict = {
    genuine: false,
    kind: 'tdx',
    root: undefined,
    simulated: false,
    tcb: undefined,
    measurements: {},
    reportData: '',
    debug: false,
    platform: undefined,
    claims: {},
    instant: 0,
    checks: [],
    problems,
  }
  return {
    genuine: false,
    simulated: false,
    checkedOnChain: false,
    verdict,
    measurement: undefined,
    places: [],
    dstack: undefined,
    groups: [],
    problems,
    sentence: `Do not trust this: ${message}`,
  }
}

/** What a verdict says to people who are no experts: one sentence. */
export function sentenceOf(
  genuine: boolean,
  verdict: Verdict,
  problems: Problem[],
  { lease, recordedAt }: EvidenceBundle,
): string {
  if (!genuine) return `Do not trust this: ${problems[0]?.message ?? 'the evidence could not be checked.'}`
  const when = new Date(recordedAt * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC')
  const what = lease ? 'the app of this lease ran' : 'this worker ran'
  if (verdict.simulated)
    return `Simulated: on ${when} ${what} on a development platform; every check holds, but the platform is software, so nothing was confidential.`
  const caution =
    verdict.tcb === undefined || verdict.tcb.status === 'UpToDate'
      ? ''
      : ` Its security updates were not complete (${verdict.tcb?.status}).`
  return `On ${when} ${what} in a genuine confidential machine, unchanged, and the host could not look inside.${caution}`
}
