import { type Chain, connectChain, connectWallet, type Network, type Wallet } from '@cloister/chain'
import { IndexClient } from '@cloister/client'
import { CloisterError } from '@cloister/core'
import type { Account } from 'viem'

/** A network, what reads it, and the account that acts on it. Given to every action. */
export interface Cloister {
  network: Network
  chain: Chain
  index: IndexClient
  wallet: Wallet | undefined
}

/**
 * Connects to a network. Without an account only what is public can be asked.
 *
 * @example
 * const cloister = createCloister({ network: readNetwork(description), account })
 * const lease = await deploy(cloister, { manifest, deposit: 1_000_000n, pay: 'USDC' })
 */
export function createCloister({ network, account }: { network: Network; account?: Account }): Cloister {
  return {
    network,
    chain: connectChain(network),
    index: new IndexClient(network.indexerUrl),
    wallet: account && connectWallet(network, account),
  }
}

/** The account that acts. Throws `no-wallet`. */
export function walletOf({ wallet }: Cloister): Wallet {
  if (!wallet)
    throw new CloisterError('no-wallet', 'That needs an account to sign with.', {
      hint: { do: 'create-wallet' },
    })
  return wallet
}
