import { type Chain, type Client, createClient, defineChain, http, type Transport } from 'viem'
import { MULTICALL3 } from './genesis.ts'

/** One of two chains. */
export type Side = Client<Transport, Chain>

/** Connects to one of two chains. */
export function connectSide(rpcUrl: string, chainId: number, pollingInterval: number): Side {
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
    contracts: { multicall3: { address: MULTICALL3 } },
  })
  return createClient({ chain, transport: http(rpcUrl), pollingInterval, cacheTime: 0 })
}
