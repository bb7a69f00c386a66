import { formatDuration } from '@cloister/core'
import { type Cloister, groups, type LeaseStatus, leases } from '@cloister/sdk'
import { bar, facts, paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { attestation, hourly, instant, money, notice, short, since, state, statusJson } from '../../show.ts'
import { sayLeases } from './ps.ts'

export async function showStatus(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const group = await groups.find(cloister, key)
  if (group) {
    const members = await Promise.all(group.members.map((member) => leases.status(cloister, member)))
    return options.json ? sayJson(members.map(statusJson)) : sayLeases(cloister, group.members, members)
  }
  const lease = await withWhatIsLeft(cloister, await leases.status(cloister, key))
  if (options.json) return sayJson(statusJson(lease))
  const { network } = cloister
  say(
    facts([
      ['lease', lease.lease],
      ['name', lease.name],
      ['state', state(lease.state)],
      ['attestation', lease.state === 'closed' ? undefined : describeAttestation(lease)],
      ['not covered', describeGaps(lease, network)],
      [
        'notice',
        lease.noticeUntil === undefined
          ? lease.state === 'closed'
            ? undefined
            : notice(lease.noticeSeconds, lease.interruptible)
          : `the provider ends this lease on ${instant(lease.noticeUntil)}`,
      ],
      ['worker', `${lease.worker} of ${short(lease.provider)}`],
      ['price', `${hourly(network, lease.token, lease.ratePerSecond)} an hour`],
      ['paid in', money(network, lease.token, lease.deposit)],
      ['spent', money(network, lease.token, lease.spent)],
      [
        'left',
        lease.state === 'closed'
          ? undefined
          : `${money(network, lease.token, lease.balance)}  ${bar(Number(lease.balance), Number(lease.deposit))}  lasts ${formatDuration(lease.secondsLeft)}`,
      ],
      ['paid until', lease.paidUntil === undefined ? undefined : instant(lease.paidUntil)],
      ['refund', lease.state === 'closed' ? money(network, lease.token, lease.refund) : undefined],
      ['opened', `${instant(lease.openedAt)} (${since(lease.openedAt)} ago)`],
      ['closed', lease.closedAt === undefined ? undefined : instant(lease.closedAt)],
      ['manifest', lease.manifestHash],
      [
        'failed',
        lease.failed
          ? `${printable(lease.failed.reason)} (manifest ${lease.failed.manifestHash.slice(0, 18)}…)`
          : undefined,
      ],
      ['problem', lease.problem],
    ]),
  )
  if (lease.services.length > 0) {
    say()
    say(
      table(
        ['container', 'state', 'restarts', 'since', 'image', 'digest', ''],
        lease.services.map((service) => [
          printable(service.name),
          state(service.state),
          String(service.restarts),
          service.startedAt === undefined ? '' : since(Math.round(service.startedAt / 1000)),
          // The digest has a column of its own.
          printable(service.image.replace(`@${service.digest}`, '')),
          printable(service.digest).slice(0, 19),
          describeJob(service),
        ]),
        ['restarts'],
      ),
    )
  }
  if (lease.state === 'closed' && lease.services.length > 0) {
    say()
    say(paint('dim', `What they printed last: cloister logs ${lease.shortId}`))
  }
  if (lease.routes.length === 0) return
  say()
  for (const route of lease.routes)
    say(
      `${printable(route.service).padEnd(10)} ${[route.loopbackUrl, route.namedUrl, route.url]
        .filter((url) => url !== undefined)
        .map((url) => paint('cyan', printable(url)))
        .join('  ')}`,
    )
}

/** How long workers keep what is left of a lease, seconds. */
const KEPT_SECONDS = 86_400

/** A lease that has ended, with how its containers were doing then, where its worker says so still. */
async function withWhatIsLeft(cloister: Cloister, status: LeaseStatus): Promise<LeaseStatus> {
  const isKept = status.closedAt !== undefined && Date.now() / 1000 - status.closedAt < KEPT_SECONDS
  if (status.state !== 'closed' || !isKept || cloister.wallet?.account.address !== status.tenant)
    return status
  const left = await leases.ended(cloister, status.lease).catch(() => undefined)
  return left ? { ...status, services: left.services } : status
}

/** Why a container is in its state, how it ended, when its schedule starts it, and whether it has logs. */
function describeJob({
  reason,
  nextStart,
  exitCode,
  state: now,
  logs,
}: LeaseStatus['services'][number]): string {
  const hasEnded = ['failed', 'completed', 'scheduled', 'restarting'].includes(now)
  const code =
    hasEnded && exitCode !== undefined && !reason?.includes('code') ? [`exit code ${exitCode}`] : []
  const next = nextStart === undefined ? [] : [`starts at ${instant(Math.round(nextStart / 1000))}`]
  const silent = logs === false ? ['nobody reads what it prints'] : []
  return [...(reason === undefined ? [] : [printable(reason)]), ...code, ...next, ...silent].join('; ')
}

/** Until when the worker is attested, as a person reads it. */
function describeAttestation({
  attestation: standing,
  coveredUntil,
  state: leaseState,
}: LeaseStatus): string {
  if (leaseState === 'closed') return ''
  const left = coveredUntil - Math.floor(Date.now() / 1000)
  if (standing === 'lapsed')
    return `${attestation(standing)} since ${instant(coveredUntil)}: nothing is paid until it is renewed`
  return `${attestation(standing)} until ${instant(coveredUntil)} (${formatDuration(Math.max(0, left))} more)`
}

/** Gaps in the worker's coverage, and what they cost the provider. */
function describeGaps(
  { uncoveredSeconds, uncoveredCost, token }: LeaseStatus,
  network: Parameters<typeof money>[0],
): string | undefined {
  if (uncoveredSeconds === 0) return undefined
  return `${formatDuration(uncoveredSeconds)}, which you did not pay for and cost the provider ${money(network, token, uncoveredCost)}`
}
