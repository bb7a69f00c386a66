import { clusters } from '@cloister/sdk'
import { say, sayJson, table } from '@cloister/terminal'
import { clusterJournal } from '../../cluster-journal.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function listClusters(options: Globals): Promise<void> {
  const cloister = connect(options)
  const found = await clusters.list(cloister, clusterJournal(cloister))
  if (options.json) return sayJson(found)
  if (found.length === 0) return say('There are no clusters of this account. Start one: cluster up FILE -n 4')
  const rows = found.map(({ name, network, step, size, open }) => [name, network, step, `${open} of ${size}`])
  say(table(['cluster', 'network', 'step', 'open'], rows))
}
