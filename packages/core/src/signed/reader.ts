/** EIP-712 types of what a reading key is derived from. No contract reads it. */
export const READER_TYPES = { Reader: [{ name: 'purpose', type: 'string' }] } as const

/**
 * What a tenant signs (EIP-712) to make its reading key: the seed of the key pair is the hash of the
 * signature, so that whoever can sign can always make it again. What workers keep of leases that have ended
 * is sealed to it. The signature itself is never sent to anybody.
 */
export function readerTypedData(chainId: number) {
  return {
    domain: { name: 'Cloister Reader', version: '1', chainId },
    types: READER_TYPES,
    primaryType: 'Reader' as const,
    message: { purpose: 'Make the key that reads what is left of my leases. Never send this signature.' },
  } as const
}
