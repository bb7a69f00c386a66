import { CloisterError } from '@cloister/core'
import { isAddressEqual, parseEventLogs, type TransactionReceipt } from 'viem'
import { getL2TransactionHashes } from 'viem/op-stack'
import { MESSENGER_ABI } from './abi.ts'
import { receiptOf, stateOfSent } from './sent.ts'
import { LAYER2_MESSENGER, type Sides, unreached } from './sides.ts'
import type { Transfer } from './transfer.ts'
import { stateOfWithdrawal, type WithdrawalState } from './withdrawal.ts'

/** Where a transfer is. Times are Unix seconds, of layer 1. */
export type TransferStatus =
  /** What begins it was signed; the chain hasn't taken it yet. */
  | { phase: 'sending' }
  /** Another transaction took the place of what would have begun it: nothing was moved. */
  | { phase: 'lost' }
  /** It was refused, or didn't arrive. `why` is a sentence. */
  | { phase: 'failed'; why: string }
  /** A deposit that layer 2 hasn't taken yet. */
  | { phase: 'crossing' }
  | WithdrawalState
  | { phase: 'done' }

/** Finds out where a transfer is, by the two chains alone. Throws `bad-network` and `chain-unreachable`. */
export async function transferStatus(sides: Sides, transfer: Transfer): Promise<TransferStatus> {
  if (transfer.chainId !== sides.network.chainId)
    throw new CloisterError('bad-network', `That ${transfer.kind} is of chain ${transfer.chainId}.`, {
      hint: 'Name its network with --network.',
    })
  try {
    return await statusOf(sides, transfer)
  } catch (error) {
    throw unreached(error) ?? error
  }
}

async function statusOf(sides: Sides, transfer: Transfer): Promise<TransferStatus> {
  const isDeposit = transfer.kind === 'deposit'
  const begun = await stateOfSent(isDeposit ? sides.layer1 : sides.layer2, transfer.start)
  if (begun.is === 'waiting') return { phase: 'sending' }
  if (begun.is === 'lost') return { phase: 'lost' }
  if (begun.receipt.status !== 'success')
    return { phase: 'failed', why: `The transaction that begins it, ${transfer.start.hash}, was reverted.` }
  return isDeposit ? statusOfDeposit(sides, begun.receipt) : stateOfWithdrawal(sides, transfer, begun.receipt)
}

async function statusOfDeposit(sides: Sides, { logs }: TransactionReceipt): Promise<TransferStatus> {
  const { below, layer2 } = sides
  const own = logs.filter(({ address }) => isAddressEqual(address, below.contracts.portal))
  const [hash] = getL2TransactionHashes({ logs: own } as TransactionReceipt)
  if (hash === undefined) return { phase: 'failed', why: 'It deposited nothing.' }
  const arrived = await receiptOf(layer2, hash)
  if (!arrived) return { phase: 'crossing' }
  if (arrived.status !== 'success')
    return {
      phase: 'failed',
      why: `Layer 2 refused it in ${hash}: ether is at the sender’s own address there.`,
    }
  if (isRelayRefused(arrived, LAYER2_MESSENGER))
    return {
      phase: 'failed',
      why: `Layer 2’s messenger could not deliver it in ${hash}; anybody can have it try again (relayMessage).`,
    }
  return { phase: 'done' }
}

/** Whether a messenger says that what a message was for failed; the message itself is kept then. */
function isRelayRefused({ logs }: TransactionReceipt, messenger: `0x${string}`): boolean {
  const own = logs.filter(({ address }) => isAddressEqual(address, messenger))
  return parseEventLogs({ abi: MESSENGER_ABI, eventName: 'FailedRelayedMessage', logs: own }).length > 0
}
