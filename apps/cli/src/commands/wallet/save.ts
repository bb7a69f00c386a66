import { say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import type { Globals } from '../../command.ts'
import { listWallets, saveWallet, walletFolder } from '../../wallets.ts'

export async function save(options: Globals & { name: string }, key: Hex): Promise<void> {
  const address = await saveWallet(options.name, key)
  if (options.json) return sayJson({ name: options.name, address })
  say(
    `The wallet ${options.name} is ${address}. Its key is encrypted in ${walletFolder()}; keep a copy of the file and the password.`,
  )
  say(
    listWallets().length === 1
      ? 'It is the only one, so commands act for it from now on. On a development network, `--account dev4` acts for the tenant that they acted for before.'
      : `There are several now: say \`--account ${options.name}\`, or set CLOISTER_ACCOUNT.`,
  )
}
