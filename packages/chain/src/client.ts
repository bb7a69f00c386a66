import {
  type Account,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  type Transport,
  type Chain as ViemChain,
  type WalletClient,
} from 'viem'
import type { Network } from './network.ts'
import { waitForTransactionReceipt } from './transaction-receipt.ts'

/** A network with a client to read it. */
export interface Chain {
  network: Network
  client: PublicClient<Transport, ViemChain>
}

/** A chain and an account that can send transactions. */
export interface Wallet extends Chain {
  account: Account
  wallet: WalletClient<Transport, ViemChain, Account>
}

/**
 * Connects to a network's chain for reading, over `transport` if it is another than HTTP. Opens no
 * connection until something is asked.
 */
export function connectChain(network: Network, transport?: Transport): Chain {
  const client = createPublicClient({ ...clientOptions(network), ...(transport && { transport }) })
  return {
    network,
    client: client.extend((reader) => ({
      waitForTransactionReceipt: (wanted: { hash: Hex; timeout?: number }) =>
        waitForTransactionReceipt(reader as PublicClient, wanted),
    })) as typeof client,
  }
}

/** Connects with an account, over `transport` if it is another than HTTP. */
export function connectWallet(network: Network, account: Account, transport?: Transport): Wallet {
  return {
    ...connectChain(network, transport),
    account,
    wallet: createWalletClient({ ...clientOptions(network), ...(transport && { transport }), account }),
  }
}

function clientOptions(network: Network) {
  const chain = defineChain({
    id: network.chainId,
    name: network.name,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [network.rpcUrl] } },
  })
  return {
    chain,
    transport: http(network.rpcUrl, { batch: true, retryCount: 2, timeout: 15_000 }),
    pollingInterval: network.pollingIntervalMs,
    cacheTime: 0,
  }
}
