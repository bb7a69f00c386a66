import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'

/** First half of a worker's report data, as `Workers.bindingOf` computes it. */
export function workerBinding(bound: {
  chainId: number
  workers: Address
  provider: Address
  worker: Address
  tlsKeyHash: Hex
}): Hex {
  const words = [
    { type: 'uint256' },
    { type: 'address' },
    { type: 'address' },
    { type: 'address' },
    { type: 'bytes32' },
  ] as const
  return keccak256(
    encodeAbiParameters(words, [
      BigInt(bound.chainId),
      bound.workers,
      bound.provider,
      bound.worker,
      bound.tlsKeyHash,
    ]),
  )
}
