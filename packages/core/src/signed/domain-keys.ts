import { type Address, type Hex, hashTypedData, sha256, toHex } from 'viem'

/** EIP-712 types of what a worker says of the keys of a lease's domains. No contract reads it. */
const DOMAIN_KEYS_TYPES = {
  DomainKeys: [
    { name: 'lease', type: 'bytes32' },
    { name: 'keys', type: 'bytes32' },
    { name: 'instant', type: 'uint64' },
  ],
} as const

/** Which keys a worker made for the domains of a lease. */
export interface DomainKeys {
  lease: Hex
  /** SHA-256 of the SubjectPublicKeyInfo of the key, by domain. */
  keys: Record<string, Hex>
  /** Unix seconds. */
  instant: number
}

/**
 * EIP-712 digest of a worker's word on keys, which its own key signs: `market` is the Market of one chain.
 */
export function domainKeysDigest(
  { lease, keys, instant }: DomainKeys,
  chainId: number,
  market: Address,
): Hex {
  const canonical = JSON.stringify(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1)))
  return hashTypedData({
    domain: { name: 'Cloister Domains', version: '1', chainId, verifyingContract: market },
    types: DOMAIN_KEYS_TYPES,
    primaryType: 'DomainKeys',
    message: { lease, keys: sha256(toHex(canonical)), instant: BigInt(instant) },
  })
}
