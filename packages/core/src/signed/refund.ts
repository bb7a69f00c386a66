import type { Address, Hex } from 'viem'
import { channelsDomain } from './channel.ts'

/** A receiver’s word that `amount` of a channel’s unclaimed rest goes back to its payer at once (x402). */
export interface Refund {
  channelId: Hex
  /** The channel's `refundNonce`, which counts up. */
  nonce: bigint
  amount: bigint
}

/** EIP-712 types of a refund, as in Vouchers.sol and x402's contract. */
export const REFUND_TYPES = {
  Refund: [
    { name: 'channelId', type: 'bytes32' },
    { name: 'nonce', type: 'uint256' },
    { name: 'amount', type: 'uint128' },
  ],
} as const

/** What a channel's receiver authorizer signs: `vouchers` is the Vouchers contract of the chain. */
export function refundTypedData(refund: Refund, chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: REFUND_TYPES,
    primaryType: 'Refund' as const,
    message: refund,
  } as const
}
