import { formatDuration, parseAmount } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { asTyped, money } from '../../show.ts'

export async function runTopUp(key: string, text: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const added = await leases.topUp(cloister, key, ({ decimals }) => parseAmount(text, decimals))
  if (options.json) return sayJson(added)
  say(
    `Added ${money(cloister.network, added.token, added.amount)} to ${asTyped(key, added.lease)}; it lasts ${formatDuration(Number(added.balance / added.ratePerSecond))} from its last settlement.`,
  )
}
