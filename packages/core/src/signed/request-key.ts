import { type Address, type Hex, recoverTypedDataAddress } from 'viem'

/** EIP-712 types of a worker's key for sealed requests. No contract reads it. */
export const REQUEST_KEY_TYPES = {
  RequestKey: [
    { name: 'key', type: 'bytes32' },
    { name: 'tlsKeyHash', type: 'bytes32' },
  ],
} as const

/** A key that requests to a worker are sealed to, beside the TLS key that the worker attested. */
export interface RequestKey {
  /** X25519, raw. */
  key: Hex
  /** SHA-256 of the TLS key's SubjectPublicKeyInfo, as evidence has it. */
  tlsKeyHash: Hex
}

/** What a worker's key signs of its key for sealed requests. */
export function requestKeyTypedData(named: RequestKey, chainId: number) {
  return {
    domain: { name: 'Cloister Request Key', version: '1', chainId },
    types: REQUEST_KEY_TYPES,
    primaryType: 'RequestKey' as const,
    message: { ...named },
  } as const
}

/** Whether `worker` itself named a key for sealed requests, beside that very TLS key. */
export async function isRequestKeyOf(
  worker: Address,
  named: RequestKey,
  signature: Hex,
  chainId: number,
): Promise<boolean> {
  const typed = requestKeyTypedData(named, chainId)
  return (await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined)) === worker
}
