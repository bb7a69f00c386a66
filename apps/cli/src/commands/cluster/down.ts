import { clusters } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import { clusterJournal } from '../../cluster-journal.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { money } from '../../show.ts'

export async function runDown(name: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const ended = await clusters.down(cloister, clusterJournal(cloister), name)
  if (options.json) return sayJson(ended)
  const { closed, token } = ended
  if (!token || closed.length === 0) return say(`None of the leases of ${name} is open any more.`)
  const shown = (amount: bigint) => money(cloister.network, token, amount)
  const sum = (of: (one: (typeof closed)[number]) => bigint) =>
    closed.reduce((total, one) => total + of(one), 0n)
  const waiting = sum(({ credited }) => credited)
  say(
    `${paint('green', '●')} ${name} is closed: ${closed.length} leases cost ${shown(sum(({ spent }) => spent))}, and ${shown(sum(({ refund }) => refund))} are back.`,
  )
  if (waiting > 0n) say(`${shown(waiting)} wait in the market: the token does not move.`)
}
