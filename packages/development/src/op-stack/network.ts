import type { Network } from '@cloister/chain'
import type { Account } from 'viem'
import type { Side } from './clients.ts'
import { createMintables, type Layer1Contracts } from './deploy.ts'
import { LAYER1_CHAIN_ID } from './genesis.ts'
import type { Commitments } from './queue.ts'

/** A development layer 1 that is up. */
export interface Layer1 {
  layer1: Side
  rpcUrl: string
  contracts: Layer1Contracts
}

/** Has the forms of a network's tokens made on layer 1, and adds layer 1 to the network's description. */
export async function layer1Of(
  network: Network,
  { layer1, rpcUrl, contracts }: Layer1,
  account: Account,
  commitments?: Commitments,
): Promise<Network> {
  const wanted = network.tokens.map(({ symbol, decimals, address: remote }) => {
    return { remote, name: symbol === 'CLOI' ? 'Cloister' : symbol, symbol, decimals }
  })
  const forms = await createMintables(layer1, account, contracts.mintableFactory, wanted, commitments)
  const tokens = network.tokens.flatMap(({ symbol, decimals, address: layer2 }, place) => {
    const address = forms[place]
    return address === undefined ? [] : [{ symbol, decimals, address, layer2 }]
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
      tokens,
    },
  }
}
