import type { Network } from '@cloister/chain'
import { findToken } from '@cloister/chain'
import type { Account } from 'viem'
import type { Side } from './clients.ts'
import { createMintable, type Layer1Contracts } from './deploy.ts'
import { LAYER1_CHAIN_ID } from './genesis.ts'

/** A development layer 1 that is up. */
export interface Layer1 {
  layer1: Side
  rpcUrl: string
  contracts: Layer1Contracts
}

/** Has CLOI's form made on layer 1, and adds layer 1 to a network's description. */
export async function layer1Of(
  network: Network,
  { layer1, rpcUrl, contracts }: Layer1,
  account: Account,
): Promise<Network> {
  const cloi = findToken(network, 'CLOI')
  const address = await createMintable(layer1, account, contracts.mintableFactory, {
    remote: cloi.address,
    name: 'Cloister',
    symbol: cloi.symbol,
    decimals: cloi.decimals,
  })
  return {
    ...network,
    layer1: {
      name: 'embedded layer 1',
      chainId: LAYER1_CHAIN_ID,
      rpcUrl,
      pollingIntervalMs: network.pollingIntervalMs,
      contracts: {
        portal: contracts.portal,
        disputeGameFactory: contracts.disputeGameFactory,
        messenger: contracts.messenger,
        standardBridge: contracts.standardBridge,
        systemConfig: contracts.systemConfig,
        mintableFactory: contracts.mintableFactory,
      },
      proofs: 'simulated',
      tokens: [{ symbol: cloi.symbol, decimals: cloi.decimals, address, layer2: cloi.address }],
    },
  }
}
