import { connectWallet } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect, findNetwork } from '../../context.ts'

export async function faucet(options: Globals): Promise<void> {
  const network = loadNetwork(findNetwork(options))
  const { account } = walletOf(connect(options))
  await fundDevelopmentAccount(
    connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.faucet)),
    account.address,
  )
  if (options.json) return sayJson({ account: account.address })
  say(`${account.address} has 10 ETH, 1000 USDC and 1000 CLOI more.`)
}
