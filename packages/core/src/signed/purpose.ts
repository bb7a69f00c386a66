import { concat, type Hex, sha256, stringToHex } from 'viem'

/** EIP-712 types of a worker's word on what a quote is for. No contract reads it. */
export const PURPOSE_TYPES = { Purpose: [{ name: 'digest', type: 'bytes32' }] } as const

/**
 * What a worker's key signs (EIP-712) to say that a quote was made for a purpose of its own: `digest` is a
 * `purposeDigest`.
 */
export function purposeTypedData(digest: Hex, chainId: number) {
  return {
    domain: { name: 'Cloister Purpose', version: '1', chainId },
    types: PURPOSE_TYPES,
    primaryType: 'Purpose' as const,
    message: { digest },
  } as const
}

/** SHA-256 over a purpose, which ends in a zero byte, and parts whose lengths are fixed but for the last. */
export function purposeDigest(purpose: string, parts: Hex[]): Hex {
  return sha256(concat([stringToHex(purpose), '0x00', ...parts]))
}
