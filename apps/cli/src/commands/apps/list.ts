import { apps, walletOf } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { short } from '../../show.ts'

export async function showApps(options: Globals): Promise<void> {
  const cloister = connect(options)
  const { account } = walletOf(cloister)
  const owned = await apps.list(cloister, account.address)
  if (options.json) return sayJson(owned)
  say(
    owned.length === 0
      ? `No apps of ${short(account.address)}. Register one: cloister apps create NAME FILE`
      : table(
          ['name', 'id'],
          owned.map(({ name, app }) => [printable(name), app]),
        ),
  )
}
