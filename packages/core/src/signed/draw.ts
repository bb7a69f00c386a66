import { type Address, type Hex, recoverTypedDataAddress } from 'viem'
import { channelsDomain } from './channel.ts'

/**
 * A payer's word that so much, all in all, may be moved out of its purse into a channel. It is cumulative, so
 * that one that is handed in twice moves nothing more.
 */
export interface Draw {
  channelId: Hex
  /** Base units of the channel's token that were ever drawn for it, this draw included. */
  totalDrawn: bigint
}

/** EIP-712 types of a draw, as in Vouchers.sol. */
export const DRAW_TYPES = {
  Draw: [
    { name: 'channelId', type: 'bytes32' },
    { name: 'totalDrawn', type: 'uint128' },
  ],
} as const

/** What a channel's payer authorizer signs: `vouchers` is the Vouchers contract of the chain. */
export function drawTypedData(draw: Draw, chainId: number, vouchers: Address) {
  return {
    domain: channelsDomain(chainId, vouchers),
    types: DRAW_TYPES,
    primaryType: 'Draw' as const,
    message: draw,
  } as const
}

/** Whether a draw is signed by a channel's payer authorizer. */
export async function isDrawSigned(
  { signature, ...draw }: Draw & { signature: Hex },
  payerAuthorizer: Address,
  chainId: number,
  vouchers: Address,
): Promise<boolean> {
  const signer = await recoverTypedDataAddress({
    ...drawTypedData(draw, chainId, vouchers),
    signature,
  }).catch(() => undefined)
  return signer?.toLowerCase() === payerAuthorizer.toLowerCase()
}
