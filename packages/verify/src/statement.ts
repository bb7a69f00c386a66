import { type Address, type Hex, hashTypedData, sha256, toHex } from 'viem'
import { z } from 'zod'
import { bytes32, hex, seconds } from './shapes.ts'

/** What a worker says it runs for a lease, signed by the key that its quote binds. */
export const RunStatement = z.object({
  lease: bytes32,
  /** SHA-256 of the canonical manifest that runs. */
  manifestHash: bytes32,
  /** Digest of each service's image, by service. */
  images: z.record(z.string().max(64), z.string().max(128)),
  /** Unix seconds. */
  instant: seconds,
  signature: hex,
})
export type RunStatement = z.infer<typeof RunStatement>

/** EIP-712 digest of a statement, which the worker's key signs. */
export function statementDigest(
  { lease, manifestHash, images, instant }: Omit<RunStatement, 'signature'>,
  chainId: number,
  market: Address,
): Hex {
  const canonical = JSON.stringify(Object.entries(images).sort(([a], [b]) => (a < b ? -1 : 1)))
  return hashTypedData({
    domain: { name: 'Cloister Statement', version: '1', chainId, verifyingContract: market },
    types: {
      Statement: [
        { name: 'lease', type: 'bytes32' },
        { name: 'manifestHash', type: 'bytes32' },
        { name: 'images', type: 'bytes32' },
        { name: 'instant', type: 'uint64' },
      ],
    },
    primaryType: 'Statement',
    message: { lease, manifestHash, images: sha256(toHex(canonical)), instant: BigInt(instant) },
  })
}
