import { withdrawExit } from '@cloister/chain'
import { formatDuration, showAmount } from '@cloister/core'
import { everyPage, walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI } from '../../show.ts'
import { cloi, idOf } from './positions.ts'

export async function withdraw(id: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const waiting = await everyPage((from) =>
    cloister.index.exits({ account: wallet.account.address, state: 'waiting', limit: 200, ...from }),
  )
  const { timestamp } = await wallet.client.getBlock()
  const ready =
    id === undefined
      ? waiting.filter((exit) => exit.readyAt <= timestamp).map((exit) => BigInt(exit.id))
      : [idOf(id)]
  const withdrawn: { id: bigint; amount: bigint }[] = []
  for (const one of ready) withdrawn.push({ id: one, amount: await withdrawExit(wallet, one) })
  if (options.json) return sayJson(withdrawn)
  for (const one of withdrawn) say(`Withdrew ${showAmount(one.amount, CLOI)} (exit ${one.id}).`)
  if (withdrawn.length > 0) return
  const [next] = waiting
  say(
    next
      ? `Nothing is ready. Exit ${next.id}, ${cloi(next.worth)}, is in ${formatDuration(next.readyAt - Number(timestamp))}.`
      : 'Nothing is leaving. Begin with: cloister stake exit PROVIDER',
  )
}
