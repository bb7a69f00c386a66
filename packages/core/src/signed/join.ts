import type { Address } from 'viem'
import { workersDomain } from './workers-domain.ts'

/** EIP-712 types of a worker's consent to a provider, as in Workers.sol. */
export const JOIN_TYPES = {
  Join: [
    { name: 'provider', type: 'address' },
    { name: 'worker', type: 'address' },
  ],
} as const

/** What a worker's key signs so that `provider` may register it with the Workers contract of one chain. */
export function joinTypedData(
  join: { provider: Address; worker: Address },
  chainId: number,
  workers: Address,
) {
  return {
    domain: workersDomain(chainId, workers),
    types: JOIN_TYPES,
    primaryType: 'Join' as const,
    message: join,
  } as const
}
