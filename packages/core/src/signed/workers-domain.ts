import type { Address } from 'viem'

/** EIP-712 domain of joins and verdicts: the Workers contract of one chain. */
export function workersDomain(chainId: number, workers: Address) {
  return { name: 'Cloister Workers', version: '1', chainId, verifyingContract: workers } as const
}
