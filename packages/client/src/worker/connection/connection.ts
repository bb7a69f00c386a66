import type { Network } from '@cloister/chain'
import type { Address, Hex } from 'viem'

/** The key that a worker's TLS has to be for: known already, or found out when first needed. */
export type AttestedKey = () => Promise<Hex>

/** What a connection is made of. */
export interface ConnectionParts {
  endpoint: string
  worker: Address
  attestedKey: AttestedKey
  network: Pick<Network, 'development' | 'chainId' | 'gatewayUrl'>
}
