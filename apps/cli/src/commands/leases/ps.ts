import { formatDuration } from '@cloister/core'
import { leases, walletOf } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { attestation, hourly, money, short, since, state } from '../../show.ts'
import { statusJson } from './status.ts'

export async function showLeases(options: Globals & { all?: boolean }): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const { items } = await cloister.index.leases({
    tenant: account.address,
    limit: 200,
    ...(options.all !== true && { open: true }),
  })
  const found = await Promise.all(items.map((lease) => leases.status(cloister, lease)))
  if (options.json) return sayJson(found.map(statusJson))
  if (found.length === 0)
    return say(
      `${options.all ? 'No leases' : 'No open leases'} of ${short(account.address)}. Deploy one: cloister deploy FILE`,
    )
  say(
    table(
      ['lease', 'name', 'state', 'services', 'age', 'price/hour', 'spent', 'left', 'lasts', 'attestation'],
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
        attestation(lease.attestation),
      ]),
      ['price/hour', 'spent', 'left'],
    ),
  )
}
