import { type ResizeBid, resizeBidTypedData, type SignedResizeBid } from '@cloister/core'
import type { Address, Hex, LocalAccount, TransactionReceipt } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { MARKET_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'
import { NO_PERMIT, withPermit } from './lease.ts'

/** Signs a bid for a lease that is there, as its worker's key or its provider's account. */
export async function signResizeBid(
  { chainId, contracts }: Network,
  signer: LocalAccount,
  bid: ResizeBid,
): Promise<SignedResizeBid> {
  const signature = await signer.signTypedData(resizeBidTypedData(bid, chainId, contracts.market))
  return { ...bid, signature }
}

/** How many times a lease was resized; the next bid for it names that number. */
export function getResizes({ client, network }: Chain, id: Hex): Promise<bigint> {
  return client.readContract({
    address: network.contracts.market,
    abi: MARKET_ABI,
    functionName: 'resizes',
    args: [id],
  })
}

/**
 * Takes a bid for a lease that is there, and adds `added` base units of its token, with one transaction: the
 * allowance comes by permit, signed just before.
 */
export function resizeLease(
  wallet: Wallet,
  bid: SignedResizeBid,
  token: Address,
  added: bigint,
): Promise<TransactionReceipt> {
  const { signature, ...terms } = bid
  const take = (permit: Parameters<Parameters<typeof withPermit>[3]>[0]) =>
    send(wallet, {
      address: wallet.network.contracts.market,
      abi: MARKET_ABI,
      functionName: 'resize',
      args: [terms, signature, added, permit],
    })
  return added === 0n ? take(NO_PERMIT) : withPermit(wallet, token, added, take)
}
