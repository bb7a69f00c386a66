import { type Chain, connectChain, connectWallet, type Network, rpcOver, type Wallet } from '@cloister/chain'
import { IndexClient } from '@cloister/client'
import { CloisterError } from '@cloister/core'
import type { Send } from '@cloister/transport/web'
import type { Account } from 'viem'

/** A network, what reads it, and the account that acts on it. Given to every action. */
export interface Cloister {
  network: Network
  chain: Chain
  index: IndexClient
  wallet: Wallet | undefined
  /** How index, gateway and addresses are asked. */
  send: Send
}

export interface CloisterParameters {
  network: Network
  account?: Account
  /** How requests are sent; the global `fetch`, if not given. See `send` of `@cloister/sdk/node`. */
  send?: Send
}

/**
 * Connects to a network. Without an account only what is public can be asked. Asks nothing yet, and throws
 * nothing.
 *
 * @example
 * ```ts
 * import { createCloister, leases, readNetwork } from '@cloister/sdk'
 *
 * const cloister = createCloister({ network: readNetwork(description), account })
 * const { lease } = await leases.deploy(cloister, { manifest, deposit: 1_000_000n, pay: 'USDC' })
 * ```
 */
export function createCloister({ network, account, send }: CloisterParameters): Cloister {
  const transport = send && rpcOver(network.rpcUrl, send)
  return {
    network,
    chain: connectChain(network, transport),
    index: new IndexClient(network.indexerUrl, { send }),
    wallet: account && connectWallet(network, account, transport),
    // Browsers let nobody call `fetch` as a method of something else.
    send: send ?? ((url, init) => fetch(url, init)),
  }
}

/**
 * The account that acts, for actions that take a wallet alone. Throws `no-wallet`.
 *
 * @example
 * ```ts
 * import { walletOf } from '@cloister/sdk'
 *
 * const { address } = walletOf(cloister).account
 * ```
 */
export function walletOf({ wallet }: Cloister): Wallet {
  if (!wallet)
    throw new CloisterError('no-wallet', 'That needs an account to sign with.', {
      hint: { do: 'create-wallet' },
    })
  return wallet
}
