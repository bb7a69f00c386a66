import { say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { listWallets, walletFolder } from '../../wallets.ts'

export function showWallets(options: Globals): void {
  const wallets = listWallets()
  if (options.json) return sayJson(wallets)
  say(
    wallets.length === 0
      ? `No wallets in ${walletFolder()}. Make one: cloister wallet create`
      : table(
          ['name', 'address'],
          wallets.map(({ name, address }) => [name, address]),
        ),
  )
}
