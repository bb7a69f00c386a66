import { GatewayClient } from '@cloister/client'
import { formatDuration, type LeaseRecord } from '@cloister/core'
import { type Cloister, type LeaseStatus, leases, walletOf } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { attestation, hourly, instant, money, notice, short, since, state, statusJson } from '../../show.ts'

export async function showLeases(options: Globals & { all?: boolean }): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { items } = await cloister.index.leases({
    tenant: account.address,
    limit: 200,
    ...(options.all !== true && { open: true }),
  })
  const found = await Promise.all(together(items).map((lease) => leases.status(cloister, lease)))
  if (options.json) return sayJson(found.map(statusJson))
  if (found.length === 0)
    return say(
      `${options.all ? 'No leases' : 'No open leases'} of ${short(account.address)}. Deploy one: cloister deploy FILE`,
    )
  await sayLeases(cloister, items, found)
}

/** A table of leases, and a line for each group among them. */
export async function sayLeases(
  cloister: Cloister,
  items: readonly LeaseRecord[],
  found: readonly LeaseStatus[],
): Promise<void> {
  say(
    table(
      [
        'lease',
        'name',
        'state',
        'services',
        'age',
        'price/hour',
        'spent',
        'left',
        'lasts',
        'notice',
        'attestation',
      ],
      found.map((lease) => [
        lease.shortId,
        lease.name ?? '',
        state(lease.state),
        lease.services.map((service) => printable(service.name)).join(' '),
        since(lease.openedAt),
        hourly(cloister.network, lease.token, lease.ratePerSecond),
        money(cloister.network, lease.token, lease.spent),
        lease.state === 'closed' ? '' : money(cloister.network, lease.token, lease.balance),
        lease.state === 'closed' ? '' : formatDuration(lease.secondsLeft),
        lease.state === 'closed' ? '' : noticeOf(lease),
        attestation(lease.attestation),
      ]),
      ['price/hour', 'spent', 'left'],
    ),
  )
  const lines = await groupLines(cloister, items, found)
  if (lines.length > 0) say('')
  for (const line of lines) say(line)
}

/** The notice that a lease's provider has to give, or when the lease ends where it was given. */
function noticeOf({ noticeSeconds, noticeUntil, interruptible }: LeaseStatus): string {
  return noticeUntil === undefined ? notice(noticeSeconds, interruptible) : `ends ${instant(noticeUntil)}`
}

/** Replicas of a group where the newest of them is, by their places; other leases as they are. */
function together(items: readonly LeaseRecord[]): LeaseRecord[] {
  const keyOf = ({ lease, wishedName, replica }: LeaseRecord) => (replica === undefined ? lease : wishedName)
  const groups = new Map<string | undefined, LeaseRecord[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return [...groups.values()].flatMap((members) =>
    members.sort((one, other) => (one.replica ?? 0) - (other.replica ?? 0)),
  )
}

/** A line for each group: how many of its replicas run, and its address. */
async function groupLines(
  { network, send }: Cloister,
  items: readonly LeaseRecord[],
  statuses: readonly LeaseStatus[],
): Promise<string[]> {
  const open = items.filter(({ state, replica }) => state === 'open' && replica !== undefined)
  const names = [...new Set(open.map(({ wishedName = '' }) => wishedName))]
  return Promise.all(
    names.map(async (name) => {
      const members = open.filter(({ wishedName }) => wishedName === name)
      const running = statuses.filter(
        (status) => status.state === 'running' && members.some(({ lease }) => lease === status.lease),
      ).length
      const isOurs = members.some((member) => member.name === name)
      const routes = isOurs
        ? await new GatewayClient(network.gatewayUrl, send).routes(name).catch(() => [])
        : []
      const [url] = routes.flatMap((route) => route.loopbackUrl ?? route.url)
      const where = url === undefined ? '' : `  ${paint('cyan', printable(url))}`
      return `${paint('bold', name.padEnd(10))} ${running} of ${members.length} replicas run${where}`
    }),
  )
}
