import { shortId } from '@cloister/core'
import { networks } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function listNetworks(options: Globals): Promise<void> {
  const found = await networks.list(connect(options))
  if (options.json) return sayJson(found)
  if (found.length === 0)
    return say(
      'None of your leases is on a private network. Those whose files say `x-network: NAME` are on one together.',
    )
  const rows = found.map(({ name, members }) => [
    printable(name),
    String(members.length),
    printable(members.map(({ name: called, lease }) => called ?? shortId(lease)).join(', ')),
  ])
  say(table(['network', 'leases', 'which'], rows))
}
