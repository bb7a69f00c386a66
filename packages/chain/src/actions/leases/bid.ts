import { type Bid, bidTypedData, type SignedBid } from '@cloister/core'
import type { LocalAccount } from 'viem'
import type { Network } from '../../network.ts'

/** Signs a bid as its worker's key or its provider's account. */
export async function signBid(
  { chainId, contracts }: Network,
  signer: LocalAccount,
  bid: Bid,
): Promise<SignedBid> {
  const signature = await signer.signTypedData(bidTypedData(bid, chainId, contracts.market))
  return { ...bid, signature }
}
