import { type Channel, channelIdOf } from '@cloister/core'
import { type Hex, parseEventLogs } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { read, vouchersContract } from './contracts.ts'

/** A channel as the chain keeps it. Amounts in base units of its token. */
export interface ChannelState {
  id: Hex
  /** What was ever put in, less what went back. */
  balance: bigint
  /** What was ever claimed of it. */
  totalClaimed: bigint
  /** What was ever drawn for it out of the payer's purse. */
  totalDrawn: bigint
  /** The number that its next refund has to have. */
  refundNonce: bigint
  /** What the payer announced to take back, and when it did, Unix seconds. */
  leaving: { amount: bigint; initiatedAt: number } | undefined
}

/** What the chain has of a channel; all zero before there is money in it. Throws `not-found`. */
export async function getChannel(chain: Chain, id: Hex): Promise<ChannelState> {
  const contract = vouchersContract(chain)
  const [[balance, totalClaimed], totalDrawn, refundNonce, [amount, initiatedAt]] = await Promise.all([
    read(chain, contract, 'channels', [id]),
    read(chain, contract, 'totalDrawn', [id]),
    read(chain, contract, 'refundNonce', [id]),
    read(chain, contract, 'pendingWithdrawals', [id]),
  ])
  const leaving = initiatedAt === 0 ? undefined : { amount, initiatedAt }
  return { id, balance, totalClaimed, totalDrawn, refundNonce, leaving }
}

/** The id of a channel of a network's. Throws `not-found`. */
export function channelIdIn(chain: Pick<Chain, 'network'>, channel: Channel): Hex {
  return channelIdOf(channel, chain.network.chainId, vouchersContract(chain).address)
}

/**
 * Announces that `amount` of a channel goes back to its payer's purse after the channel's delay; as its payer
 * or payer authorizer. 0n calls it off. Throws `not-found`, `reverted`.
 */
export async function startChannelWithdrawal(
  wallet: Wallet,
  channel: Channel,
  amount: bigint,
): Promise<void> {
  const args = [channel, amount] as const
  await send(wallet, { ...vouchersContract(wallet), functionName: 'initiateWithdraw', args })
}

/**
 * Puts what was announced, as far as it isn't claimed, back into the purse. Returns how much. Throws
 * `not-found`, `reverted`.
 */
export async function endChannelWithdrawal(wallet: Wallet, channel: Channel): Promise<bigint> {
  const { logs } = await send(wallet, {
    ...vouchersContract(wallet),
    functionName: 'finalizeWithdraw',
    args: [channel],
  })
  return returned(logs)
}

/**
 * Hands in a refund that a channel's receiver authorizer signed. Returns what went back to the payer's purse.
 * Throws `not-found`, `reverted`.
 */
export async function refundChannel(
  wallet: Wallet,
  channel: Channel,
  { amount, nonce, signature }: { amount: bigint; nonce: bigint; signature: Hex },
): Promise<bigint> {
  const { logs } = await send(wallet, {
    ...vouchersContract(wallet),
    functionName: 'refundWithSignature',
    args: [channel, amount, nonce, signature],
  })
  return returned(logs)
}

function returned(logs: Parameters<typeof parseEventLogs>[0]['logs']): bigint {
  const [back] = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'ChannelReturned', logs })
  return back?.args.amount ?? 0n
}
