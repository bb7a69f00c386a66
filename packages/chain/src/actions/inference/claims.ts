import { type Channel, claimBatchTypedData } from '@cloister/core'
import { encodeFunctionData, type Hex, type LocalAccount, parseEventLogs } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { channelIdIn } from './channels.ts'
import { vouchersContract } from './contracts.ts'
import type { BatchOutcome } from './draws.ts'
import { skipOf } from './skips.ts'

/** What is to be claimed of a channel: all in all `totalClaimed`, by a voucher up to `maxClaimableAmount`. */
export interface VoucherClaim {
  channel: Channel
  maxClaimableAmount: bigint
  /** The payer authorizer's, over the voucher. */
  signature: Hex
  totalClaimed: bigint
}

/** Signs a batch of claims as the channels' receiver authorizer, so that anybody may hand it in. */
export function signClaims(
  chain: Pick<Chain, 'network'>,
  authorizer: LocalAccount,
  claims: readonly VoucherClaim[],
): Promise<Hex> {
  const entries = claims.map(({ channel, maxClaimableAmount, totalClaimed }) => ({
    channelId: channelIdIn(chain, channel),
    maxClaimableAmount,
    totalClaimed,
  }))
  const { address } = vouchersContract(chain)
  return authorizer.signTypedData(claimBatchTypedData(entries, chain.network.chainId, address))
}

/** The call that claims a signed batch, as bytes to send to Vouchers. */
export function encodeClaims(claims: readonly VoucherClaim[], authorizerSignature: Hex): Hex {
  const args = [claims.map(rowOf), authorizerSignature] as const
  return encodeFunctionData({ abi: VOUCHERS_ABI, functionName: 'claimWithSignature', args })
}

/**
 * Claims a batch: as the channels' receiver authorizer, or as anybody with its signature. What can't be
 * claimed is passed over. Throws `not-found`, `reverted`.
 */
export async function claimVouchers(
  wallet: Wallet,
  claims: readonly VoucherClaim[],
  authorizerSignature?: Hex,
): Promise<BatchOutcome> {
  const contract = vouchersContract(wallet)
  const rows = claims.map(rowOf)
  const { logs, transactionHash } = await (authorizerSignature === undefined
    ? send(wallet, { ...contract, functionName: 'claim', args: [rows] })
    : send(wallet, { ...contract, functionName: 'claimWithSignature', args: [rows, authorizerSignature] }))
  const claimed = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'ChannelClaimed', logs })
  const skipped = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'ClaimSkipped', logs })
  return {
    moved: new Map(claimed.map(({ args }) => [args.channelId, args.amount])),
    skipped: skipped.map(({ args }) => ({ channel: args.channelId, reason: skipOf(args.reason) })),
    transaction: transactionHash,
  }
}

function rowOf({ channel, maxClaimableAmount, signature, totalClaimed }: VoucherClaim) {
  return { voucher: { channel, maxClaimableAmount }, signature, totalClaimed }
}
