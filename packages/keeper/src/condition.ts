import { certificateAlarmAt, formatDuration } from '@cloister/core'
import type { LeaseStatus } from '@cloister/sdk'
import type { Hex } from 'viem'

/** What may be the matter with a lease. */
export const CONDITION_KINDS = [
  'money-low',
  'unattested',
  'notice',
  'unreachable',
  'unhealthy',
  'restarting',
  'failed',
  'volume-away',
  'certificate-failed',
  'certificate-expiring',
  'snapshot-failed',
  'closed',
] as const
type ConditionKind = (typeof CONDITION_KINDS)[number]

/** Something that is the matter with a lease now, in words for its tenant. */
export interface Condition {
  lease: Hex
  kind: ConditionKind
  message: string
}

/** Restarts of one container between two looks that count as one that keeps ending. */
const MANY_RESTARTS = 3

/** Characters of a message: workers say what they like, and it is written down and mailed. */
const MOST_CHARACTERS = 2_000

/** What is held against a lease's status. */
export interface Measures {
  /** The money is low with less than so many seconds left. */
  lowSeconds: number
  /** Restarts by container when the lease was last looked at; undefined for one that wasn't. */
  restartsBefore: Readonly<Record<string, number>> | undefined
  /** Why its last snapshot came to nothing. */
  snapshotProblem?: string | undefined
  /** Unix milliseconds. */
  now: number
}

/** What is the matter with a lease. Of a closed one nothing but that. */
export function conditionsOf(
  status: LeaseStatus,
  { lowSeconds, restartsBefore, snapshotProblem, now }: Measures,
): Condition[] {
  const found: Condition[] = []
  const say = (kind: ConditionKind, message: string) =>
    found.push({ lease: status.lease, kind, message: message.slice(0, MOST_CHARACTERS) })
  if (status.state === 'closed') {
    say('closed', 'The lease is closed, and nothing of it runs any more.')
    return found
  }
  if (status.secondsLeft < lowSeconds)
    say('money-low', `The money lasts ${formatDuration(status.secondsLeft)} more.`)
  if (status.attestation === 'lapsed')
    say(
      'unattested',
      'The worker is not attested just now; the lease costs nothing meanwhile and may not run.',
    )
  if (status.noticeUntil !== undefined)
    say(
      'notice',
      `The provider may close the lease from ${new Date(status.noticeUntil * 1000).toISOString()} on.`,
    )
  if (status.state === 'unreachable') say('unreachable', status.problem ?? 'The worker does not answer.')
  const named = (states: readonly string[]) =>
    status.services.filter(({ state }) => states.includes(state)).map(reasonOf)
  const unhealthy = named(['unhealthy'])
  if (unhealthy.length > 0) say('unhealthy', unhealthy.join(' '))
  const failed = named(['failed'])
  if (failed.length > 0 || status.state === 'failed')
    say('failed', failed.join(' ') || status.failed?.reason || 'Nothing of the lease runs.')
  const away = status.services.filter(({ state, reason }) => state === 'waiting' && reason !== undefined)
  if (away.length > 0) say('volume-away', away.map(reasonOf).join(' '))
  const restarting = status.services.filter(
    ({ name, restarts }) => restartsBefore && restarts - (restartsBefore[name] ?? 0) >= MANY_RESTARTS,
  )
  if (restarting.length > 0)
    say(
      'restarting',
      restarting
        .map(({ name, restarts }) => `${name} keeps ending, and was restarted ${restarts} times.`)
        .join(' '),
    )
  const failing = status.domains.flatMap(({ domain, failure }) =>
    failure ? [`${domain} has no new certificate: ${failure.message}`] : [],
  )
  if (failing.length > 0) say('certificate-failed', failing.join(' '))
  const expiring = status.domains.flatMap(({ domain, certificate }) =>
    certificate && certificateAlarmAt(certificate) <= now
      ? [`The certificate of ${domain} ends at ${new Date(certificate.notAfter).toISOString()}.`]
      : [],
  )
  if (expiring.length > 0) say('certificate-expiring', expiring.join(' '))
  if (snapshotProblem !== undefined) say('snapshot-failed', `No snapshot could be taken: ${snapshotProblem}`)
  return found
}

function reasonOf({ name, state, reason, exitCode }: LeaseStatus['services'][number]): string {
  const why = reason ?? (exitCode === undefined ? undefined : `it ended with code ${exitCode}`)
  return why === undefined ? `${name} is ${state}.` : `${name} is ${state}: ${why}.`
}
