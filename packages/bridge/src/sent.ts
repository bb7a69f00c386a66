import type { Hex, TransactionReceipt } from 'viem'
import { parseTransaction, recoverTransactionAddress, TransactionReceiptNotFoundError } from 'viem'
import { getTransactionCount, getTransactionReceipt, sendRawTransaction } from 'viem/actions'
import type { Side } from './sides.ts'
import type { Signed } from './transfer.ts'

/** What became of a transaction: `lost` is one that another of the account's took the place of. */
export type SentState = { is: 'mined'; receipt: TransactionReceipt } | { is: 'waiting' } | { is: 'lost' }

/** Looks for a signed transaction on a chain. It can't be mined twice: its nonce is used up once. */
export async function stateOfSent(side: Side, { hash, raw }: Signed): Promise<SentState> {
  const found = await receiptOf(side, hash)
  if (found) return { is: 'mined', receipt: found }
  if (raw === undefined) return { is: 'waiting' }
  const { nonce = 0 } = parseTransaction(raw)
  const serializedTransaction = raw as Parameters<
    typeof recoverTransactionAddress
  >[0]['serializedTransaction']
  const address = await recoverTransactionAddress({ serializedTransaction })
  if ((await getTransactionCount(side, { address })) <= nonce) return { is: 'waiting' }
  // It may have been mined between the two questions.
  const late = await receiptOf(side, hash)
  return late ? { is: 'mined', receipt: late } : { is: 'lost' }
}

/** Sends again what was signed and may have been sent. */
export async function sendAgain(side: Side, { raw }: Signed): Promise<void> {
  if (raw === undefined) return
  try {
    await sendRawTransaction(side, { serializedTransaction: raw })
  } catch (error) {
    if (!/already (known|imported)|nonce too low|transaction already/i.test(String(error))) throw error
  }
}

/** Undefined where there is none yet. */
export async function receiptOf(side: Side, hash: Hex): Promise<TransactionReceipt | undefined> {
  try {
    return await getTransactionReceipt(side, { hash })
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return undefined
    throw error
  }
}
