import { type Address, type Hex, hashTypedData, sha256, toHex } from 'viem'

/** EIP-712 types of a worker's statement about a lease. No contract reads it. */
export const STATEMENT_TYPES = {
  Statement: [
    { name: 'lease', type: 'bytes32' },
    { name: 'manifestHash', type: 'bytes32' },
    { name: 'images', type: 'bytes32' },
    { name: 'instant', type: 'uint64' },
  ],
} as const

/** What a worker says it runs for a lease. */
export interface Statement {
  lease: Hex
  /** SHA-256 of the canonical manifest that runs. */
  manifestHash: Hex
  /** Digest of each service's image, by service. */
  images: Record<string, string>
  /** Unix seconds. */
  instant: number
}

/** EIP-712 digest of a statement, which the worker's key signs: `market` is the Market of one chain. */
export function statementDigest(
  { lease, manifestHash, images, instant }: Statement,
  chainId: number,
  market: Address,
): Hex {
  const canonical = JSON.stringify(Object.entries(images).sort(([a], [b]) => (a < b ? -1 : 1)))
  return hashTypedData({
    domain: { name: 'Cloister Statement', version: '1', chainId, verifyingContract: market },
    types: STATEMENT_TYPES,
    primaryType: 'Statement',
    message: { lease, manifestHash, images: sha256(toHex(canonical)), instant: BigInt(instant) },
  })
}
