import { formatDuration, shortId } from '@cloister/core'
import { type Cloister, type ClusterMember, type ClusterStatus, clusters } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import { clusterJournal } from '../../cluster-journal.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { hourly, money, short } from '../../show.ts'

export async function showCluster(name: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const status = await clusters.show(cloister, clusterJournal(cloister), name)
  if (options.json) return sayJson(status)
  sayCluster(cloister, status)
}

/** The leases of a cluster, for people. */
export function sayCluster({ network }: Cloister, { name, network: on, step, members }: ClusterStatus): void {
  const rows = members.map((member) => [
    String(member.rank),
    printable(member.name ?? shortId(member.lease)),
    printable(member.state),
    short(member.worker),
    reach(member, members.length - 1),
    hourly(network, member.token, member.ratePerSecond),
    money(network, member.token, member.spent),
    formatDuration(member.secondsLeft),
  ])
  say(
    table(['rank', 'lease', 'state', 'worker', 'reaches', 'an hour', 'spent', 'lasts'], rows, [
      'an hour',
      'spent',
    ]),
  )
  for (const { name: called, lease, url } of members)
    for (const [service, address] of Object.entries(url))
      say(`  ${printable(called ?? shortId(lease))} ${printable(service)}  ${printable(address)}`)
  const [first] = members
  say()
  if (step === 'up')
    say(
      paint(
        'dim',
        `  cloister exec ${printable(first?.name ?? name)} -- sh    cloister network show ${on}    cloister cluster down ${name}`,
      ),
    )
  else
    say(
      step === 'closing'
        ? `It is being closed; go on with it: cloister cluster down ${name}`
        : `It is not up: repeat \`cloister cluster up\` to go on, or end it: cloister cluster down ${name}`,
    )
}

function reach({ reached, relayed }: ClusterMember, others: number): string {
  return `${reached} of ${others}${relayed > 0 ? `, ${relayed} relayed` : ''}`
}
