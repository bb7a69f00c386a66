import type { Address } from 'viem'
import { channelsDomain } from './channel.ts'

/** EIP-712 types of a session key's consent to an account, as in Vouchers.sol. */
export const KEY_TYPES = { Key: [{ name: 'payer', type: 'address' }] } as const

/**
 * What a session key signs so that `payer`, and nobody else, registers it: `vouchers` is the Vouchers
 * contract of the chain.
 */
export function keyTypedData(payer: Address, chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: KEY_TYPES,
    primaryType: 'Key' as const,
    message: { payer },
  } as const
}
