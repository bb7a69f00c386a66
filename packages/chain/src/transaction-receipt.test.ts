import { type Hex, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'
import { expect, test } from 'vitest'
import { waitForTransactionReceipt } from './transaction-receipt.ts'

const HASH: Hex = `0x${'11'.repeat(32)}`
const RECEIPT = { status: 'reverted', transactionHash: HASH } as TransactionReceipt

/** A node that answers with each of these in turn, and with the last one from then on. */
function node(...answers: (TransactionReceipt | Error)[]) {
  let asked = 0
  return {
    pollingInterval: 1,
    get asked() {
      return asked
    },
    getTransactionReceipt: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)]
      if (answer instanceof Error || !answer) throw answer
      return answer as never
    },
  }
}

const none = () => new TransactionReceiptNotFoundError({ hash: HASH })

test('a receipt is found without a block after it, whatever it says', async () => {
  const client = node(none(), none(), RECEIPT)
  expect(await waitForTransactionReceipt(client, { hash: HASH })).toBe(RECEIPT)
  expect(client.asked).toBe(3)
})

test('a node that does not answer for a while is asked again', async () => {
  const client = node(new Error('connection refused'), none(), RECEIPT)
  expect(await waitForTransactionReceipt(client, { hash: HASH })).toBe(RECEIPT)
})

test('it ends after its time, and says whether nobody answered', async () => {
  await expect(waitForTransactionReceipt(node(none()), { hash: HASH, timeout: 20 })).rejects.toThrow(
    /Timed out/,
  )
  const dead = node(new Error('connection refused'))
  await expect(waitForTransactionReceipt(dead, { hash: HASH, timeout: 20 })).rejects.toThrow(
    'connection refused',
  )
})
