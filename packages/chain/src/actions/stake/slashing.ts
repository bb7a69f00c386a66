import {
  bidFromJson,
  type Charge,
  CloisterError,
  type Receipt,
  receiptFromJson,
  receiptTypedData,
  type SignedReceipt,
} from '@cloister/core'
import { type Abi, type Hex, type LocalAccount, parseEventLogs } from 'viem'
import type { Wallet } from '../../client.ts'
import { SLASHING_ABI, STAKE_ABI } from '../../generated/abis.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

/** Errors of Stake come through Slashing. */
const REPORT_ABI = [
  ...SLASHING_ABI,
  ...STAKE_ABI.filter(({ type }) => type === 'error'),
] as const satisfies Abi

/** What a report took of a pool, and of that what the reporter got, in base units of CLOI. */
export interface Reported {
  taken: bigint
  reward: bigint
  transaction: Hex
}

/**
 * Signs a receipt with the worker's key. A worker signs no two contents under one number: that costs its
 * provider stake.
 */
export async function signReceipt(
  { chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>,
  worker: LocalAccount,
  receipt: Receipt,
): Promise<SignedReceipt> {
  const signature = await worker.signTypedData(receiptTypedData(receipt, chainId, contracts.workers))
  return { ...receipt, signature }
}

/**
 * Reports two receipts or two bids that contradict each other, as read from files: the chain decides. Throws
 * `bad-report` for what is neither, `reverted` with the contract's reason.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const [first, second] = JSON.parse(text)
 * const { taken, reward } = await stake.reportContradiction(walletOf(cloister), first, second)
 * ```
 */
export async function reportContradiction(
  wallet: Wallet,
  first: unknown,
  second: unknown,
): Promise<Reported> {
  const [a, b] = [receiptFromJson(first), receiptFromJson(second)]
  if (a && b) {
    const args = [a, a.signature, b, b.signature] as const
    return reported(await send(wallet, { ...slashing(wallet), functionName: 'reportReceipts', args }))
  }
  const [bidA, bidB] = [bidFromJson(first), bidFromJson(second)]
  if (!bidA || !bidB)
    throw new CloisterError('bad-report', 'These are neither two signed receipts nor two signed bids.', {
      hint: 'Give two JSON files, each one receipt or one bid with its signature.',
    })
  const [{ signature: signatureA, ...termsA }, { signature: signatureB, ...termsB }] = [bidA, bidB]
  return reported(
    await send(wallet, {
      ...slashing(wallet),
      functionName: 'reportBids',
      args: [termsA, signatureA, termsB, signatureB],
    }),
  )
}

/**
 * Reports a lease that its worker turned down. Throws `reverted` with the contract's reason.
 *
 * @example
 * ```ts
 * import { leases, stake, walletOf } from '@cloister/sdk'
 *
 * const { lease } = await leases.findLease(cloister, '7f3a9c')
 * const { reward } = await stake.reportRefusal(walletOf(cloister), lease)
 * ```
 */
export async function reportRefusal(wallet: Wallet, lease: Hex): Promise<Reported> {
  return reported(await send(wallet, { ...slashing(wallet), functionName: 'reportRefusal', args: [lease] }))
}

/**
 * Reports an answer of a provider's own model that was charged more than its offer says. `details` is the
 * hash that the receipt's content was made with (`chargeContent`). Throws `reverted` with the contract's
 * reason.
 *
 * @example
 * ```ts
 * import { stake, walletOf } from '@cloister/sdk'
 *
 * const { reward } = await stake.reportOvercharge(walletOf(cloister), JSON.parse(text))
 * ```
 */
export async function reportOvercharge(
  wallet: Wallet,
  { receipt, charge, details }: { receipt: SignedReceipt; charge: Charge; details: Hex },
): Promise<Reported> {
  const args = [receipt, receipt.signature, { ...charge, details }] as const
  return reported(await send(wallet, { ...slashing(wallet), functionName: 'reportOvercharge', args }))
}

function slashing({ network }: Wallet) {
  return { address: network.contracts.slashing, abi: REPORT_ABI } as const
}

function reported({ logs, transactionHash }: Awaited<ReturnType<typeof send>>): Reported {
  const [slashed] = parseEventLogs({ abi: STAKE_ABI, eventName: 'Slashed', logs })
  return {
    taken: (slashed?.args.active ?? 0n) + (slashed?.args.exiting ?? 0n),
    reward: slashed?.args.reward ?? 0n,
    transaction: transactionHash,
  }
}
