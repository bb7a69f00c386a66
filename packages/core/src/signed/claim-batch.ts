import type { Address, Hex } from 'viem'
import { channelsDomain } from './channel.ts'

/** What is claimed of one channel: up to its latest voucher, and so much all in all (x402). */
export interface ClaimEntry {
  channelId: Hex
  maxClaimableAmount: bigint
  totalClaimed: bigint
}

/** EIP-712 types of a batch of claims, as in Vouchers.sol and x402's contract. */
export const CLAIM_BATCH_TYPES = {
  ClaimBatch: [{ name: 'claims', type: 'ClaimEntry[]' }],
  ClaimEntry: [
    { name: 'channelId', type: 'bytes32' },
    { name: 'maxClaimableAmount', type: 'uint128' },
    { name: 'totalClaimed', type: 'uint128' },
  ],
} as const

/** What the channels' receiver authorizer signs, so that anybody may hand the batch in. */
export function claimBatchTypedData(claims: ClaimEntry[], chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: CLAIM_BATCH_TYPES,
    primaryType: 'ClaimBatch' as const,
    message: { claims },
  } as const
}
