import { bidFromJson, CloisterError, type SignedReceipt, SignedReceiptJson } from '@cloister/core'
import { type Abi, type Hex, type LocalAccount, parseEventLogs } from 'viem'
import type { Wallet } from '../client.ts'
import { SLASHING_ABI, STAKE_ABI } from '../generated/abis.ts'
import type { Network } from '../network.ts'
import { send } from './send.ts'

/** Errors of Stake come through Slashing. */
const REPORT_ABI = [
  ...SLASHING_ABI,
  ...STAKE_ABI.filter(({ type }) => type === 'error'),
] as const satisfies Abi

const RECEIPT_TYPES = {
  Receipt: [
    { name: 'worker', type: 'address' },
    { name: 'lease', type: 'bytes32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'content', type: 'bytes32' },
  ],
} as const

/** What a report took of a pool, and of that what the reporter got, in base units of CLOI. */
export interface Reported {
  taken: bigint
  reward: bigint
  transaction: Hex
}

/** Signs a receipt as a worker (EIP-712, see Slashing.sol). */
export async function signReceipt(
  { chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>,
  worker: LocalAccount,
  receipt: Omit<SignedReceipt, 'signature'>,
): Promise<SignedReceipt> {
  const domain = { name: 'Cloister Receipts', version: '1', chainId, verifyingContract: contracts.workers }
  return {
    ...receipt,
    signature: await worker.signTypedData({
      domain,
      types: RECEIPT_TYPES,
      primaryType: 'Receipt',
      message: receipt,
    }),
  }
}

/**
 * Reports two receipts or two bids that contradict each other, as read from files: the chain decides. Throws
 * `bad-report` for what is neither, `reverted` with the contract's reason.
 */
export async function reportContradiction(
  wallet: Wallet,
  first: unknown,
  second: unknown,
): Promise<Reported> {
  const [a, b] = [SignedReceiptJson.safeParse(first), SignedReceiptJson.safeParse(second)]
  if (a.success && b.success) {
    const args = [receiptOf(a.data), a.data.signature, receiptOf(b.data), b.data.signature] as const
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

/** Reports a lease that its worker turned down. Throws `reverted` with the contract's reason. */
export async function reportRefusal(wallet: Wallet, lease: Hex): Promise<Reported> {
  return reported(await send(wallet, { ...slashing(wallet), functionName: 'reportRefusal', args: [lease] }))
}

function slashing({ network }: Wallet) {
  return { address: network.contracts.slashing, abi: REPORT_ABI } as const
}

function receiptOf({ signature: _apart, sequence, ...receipt }: SignedReceiptJson) {
  return { ...receipt, sequence: BigInt(sequence) }
}

function reported({ logs, transactionHash }: Awaited<ReturnType<typeof send>>): Reported {
  const [slashed] = parseEventLogs({ abi: STAKE_ABI, eventName: 'Slashed', logs })
  return {
    taken: (slashed?.args.active ?? 0n) + (slashed?.args.exiting ?? 0n),
    reward: slashed?.args.reward ?? 0n,
    transaction: transactionHash,
  }
}
