import type { Channel } from '@cloister/core'
import { encodeFunctionData, type Hex, parseEventLogs } from 'viem'
import type { Wallet } from '../../client.ts'
import { VOUCHERS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { vouchersContract } from './contracts.ts'
import { type Skipped, skipOf } from './skips.ts'

/** A draw that a channel's payer authorizer signed (see core's `Draw`). */
export interface SignedDraw {
  channel: Channel
  totalDrawn: bigint
  signature: Hex
}

/** What one batch of draws, or claims, came to, by channel. */
export interface BatchOutcome {
  /** Base units that were moved, by channel. */
  moved: Map<Hex, bigint>
  /** What was passed over, and why. */
  skipped: Skipped[]
  transaction: Hex
}

/** The call that draws for many channels at once, as bytes to send to Vouchers. */
export function encodeDraws(draws: readonly SignedDraw[]): Hex {
  return encodeFunctionData({ abi: VOUCHERS_ABI, functionName: 'drawMany', args: [draws] })
}

/**
 * Moves money from payers' purses into channels, as far as purses and keys have it. What would move nothing
 * is passed over. Throws `not-found`, `reverted`.
 */
export async function draw(wallet: Wallet, draws: readonly SignedDraw[]): Promise<BatchOutcome> {
  const { logs, transactionHash } = await send(wallet, {
    ...vouchersContract(wallet),
    functionName: 'drawMany',
    args: [draws],
  })
  const drawn = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'Drawn', logs })
  const skipped = parseEventLogs({ abi: VOUCHERS_ABI, eventName: 'DrawSkipped', logs })
  return {
    moved: new Map(drawn.map(({ args }) => [args.channelId, args.amount])),
    skipped: skipped.map(({ args }) => ({ channel: args.channelId, reason: skipOf(args.reason) })),
    transaction: transactionHash,
  }
}
