import { GrowingPause } from '@cloister/core'
import {
  type Hex,
  type PublicClient,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
  WaitForTransactionReceiptTimeoutError,
} from 'viem'

const LONGEST_MS = 180_000
const FIRST_PAUSE_MS = 15

/**
 * A transaction's receipt, as soon as it is in a block, whether it succeeded there or not. Stands in for
 * viem's action of the same name, which looks only when it sees a new block and, where several wait at once,
 * misses one: on a chain that makes a block when there is something to put in it, that is seconds, or for
 * ever. A node that doesn't answer for a while is asked again, since the transaction was sent.
 *
 * Throws viem's WaitForTransactionReceiptTimeoutError after `timeout` milliseconds, or why nobody answered.
 */
export async function waitForTransactionReceipt(
  client: Pick<PublicClient, 'getTransactionReceipt' | 'pollingInterval'>,
  { hash, timeout = LONGEST_MS }: { hash: Hex; timeout?: number | undefined },
): Promise<TransactionReceipt> {
  const end = performance.now() + timeout
  // A chain that makes a block for a transaction has made it long before the usual interval is over.
  const pauses = new GrowingPause({ firstMs: FIRST_PAUSE_MS, longestMs: client.pollingInterval })
  for (;;) {
    let why: unknown = new WaitForTransactionReceiptTimeoutError({ hash })
    try {
      return await client.getTransactionReceipt({ hash })
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) why = error
    }
    if (performance.now() >= end) throw why
    await pauses.wait()
  }
}
