import { type Address, type Hex, hashTypedData } from 'viem'
import * as z from 'zod'
import { address, bytes32 } from '../shapes.ts'

/** Seconds that a channel's `withdrawDelay` may be: 15 minutes to 30 days (x402 `batch-settlement`). */
export const WITHDRAW_DELAY = { least: 900, most: 2_592_000 } as const

/**
 * Who pays whom through a channel, and how (x402 version 2, scheme `batch-settlement`, `ChannelConfig`). The
 * channel's id is this one's typed-data digest, so that nothing of it can change.
 */
export interface Channel {
  /** Whose money it is. What isn't claimed goes back to its purse. */
  payer: Address
  /** Signs draws and vouchers: a session key of the payer's, or the payer itself. */
  payerAuthorizer: Address
  /** Is owed what is claimed. */
  receiver: Address
  /** Signs batches of claims, and refunds. */
  receiverAuthorizer: Address
  token: Address
  /** Seconds between the announcement that the payer takes the rest back, and that. */
  withdrawDelay: number
  salt: Hex
}

/** EIP-712 types of a channel, as in Vouchers.sol and x402's contract. */
export const CHANNEL_TYPES = {
  ChannelConfig: [
    { name: 'payer', type: 'address' },
    { name: 'payerAuthorizer', type: 'address' },
    { name: 'receiver', type: 'address' },
    { name: 'receiverAuthorizer', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'withdrawDelay', type: 'uint40' },
    { name: 'salt', type: 'bytes32' },
  ],
} as const

/** EIP-712 domain of all that is signed for channels: `vouchers` is the Vouchers contract of the chain. */
export function channelsDomain(chainId: number, vouchers: Address) {
  return { name: 'x402 Batch Settlement', version: '1', chainId, verifyingContract: vouchers } as const
}

/** What a channel's id is the digest of (EIP-712). Nobody signs it. */
export function channelTypedData(channel: Channel, chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: CHANNEL_TYPES,
    primaryType: 'ChannelConfig' as const,
    message: { ...channel },
  } as const
}

/** The id of a channel: its typed-data digest, as `Vouchers.channelIdOf` computes it. */
export function channelIdOf(channel: Channel, chainId: number, vouchers: Address): Hex {
  return hashTypedData(channelTypedData(channel, chainId, vouchers))
}

/** A channel in JSON, in x402's names. */
export const ChannelJson = z.strictObject({
  payer: address,
  payerAuthorizer: address,
  receiver: address,
  receiverAuthorizer: address,
  token: address,
  withdrawDelay: z.int().min(WITHDRAW_DELAY.least).max(WITHDRAW_DELAY.most),
  salt: bytes32,
})
