import type { Address } from 'viem'

/** EIP-712 types of a permit (ERC-2612), as in the tokens' own contracts. */
export const PERMIT_TYPES = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

/** What an owner signs so that `spender` may take `value` of a token until `deadline`, Unix seconds. */
export function permitTypedData(
  permit: { owner: Address; spender: Address; value: bigint; nonce: bigint; deadline: bigint },
  token: { name: string; version: string; chainId: number; address: Address },
) {
  const { name, version, chainId, address } = token
  return {
    domain: { name, version, chainId, verifyingContract: address },
    types: PERMIT_TYPES,
    primaryType: 'Permit' as const,
    message: permit,
  } as const
}
