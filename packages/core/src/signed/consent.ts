import type { Address, Hex } from 'viem'

/** EIP-712 types of a worker's consent to a seat, as in KeyService.sol. */
export const CONSENT_TYPES = {
  Consent: [
    { name: 'seat', type: 'uint256' },
    { name: 'lease', type: 'bytes32' },
    { name: 'manifestHash', type: 'bytes32' },
    { name: 'expiry', type: 'uint256' },
  ],
} as const

/**
 * What a worker's key signs so that a lease which runs `manifestHash` on it may have a seat of the key
 * service until `expiry`, Unix seconds. `keyService` is the contract of one chain.
 */
export function consentTypedData(
  consent: { seat: number; lease: Hex; manifestHash: Hex; expiry: number },
  chainId: number,
  keyService: Address,
) {
  const { seat, lease, manifestHash, expiry } = consent
  return {
    domain: { name: 'Cloister KeyService', version: '1', chainId, verifyingContract: keyService },
    types: CONSENT_TYPES,
    primaryType: 'Consent' as const,
    message: { seat: BigInt(seat), lease, manifestHash, expiry: BigInt(expiry) },
  } as const
}
