import { connectChain, findToken } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { erc20Abi } from 'viem'

/** USDC of the account that the command line of a development network uses. */
export async function readTokenBalance(networkFile: string): Promise<bigint> {
  const network = loadNetwork(networkFile)
  return connectChain(network).client.readContract({
    address: findToken(network, 'USDC').address,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [developmentAccount(network, DEVELOPMENT_ROLES.tenants[0]).address],
  })
}
