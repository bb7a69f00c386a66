import { chainError } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Account } from 'viem'
import { getTransactionReceipt, waitForTransactionReceipt } from 'viem/actions'
import {
  buildProveWithdrawal,
  estimateFinalizeWithdrawalGas,
  estimateProveWithdrawalGas,
  finalizeWithdrawal,
  getGame,
  proveWithdrawal,
} from 'viem/op-stack'
import { sendAgain, stateOfSent } from './sent.ts'
import { checkSides, connectSides, type Side, type Sides } from './sides.ts'
import { type TransferStatus, transferStatus } from './status.ts'
import type { Transfer, TransferJournal } from './transfer.ts'
import { withdrawalIn } from './withdrawal.ts'

const WAIT_MS = 600_000
const ESTIMATION_ADDRESS = '0x0000000000000000000000000000000000000001'

/** Who goes on with a transfer: anybody may prove and end a withdrawal, for its receiver. */
export interface Advancing {
  sides: Sides
  account: Account
  journal: TransferJournal
}

/**
 * Does what can be done now: sends again what was signed, proves, or ends. Returns the transfer as it is
 * then; the same one where there is only to wait. What is signed is written down before it is sent, so that
 * nothing is done twice.
 */
export async function advanceTransfer(
  advancing: Advancing,
  transfer: Transfer,
  { phase }: Pick<TransferStatus, 'phase'>,
): Promise<Transfer> {
  const { sides } = advancing
  try {
    if (phase === 'sending') {
      const side = transfer.kind === 'deposit' ? sides.layer1 : sides.layer2
      await sendAgain(side, transfer.start)
      await waitForTransactionReceipt(side, { hash: transfer.start.hash, timeout: WAIT_MS })
      return transfer
    }
    if (phase === 'ready-to-prove') return await step(advancing, transfer, 'prove', prove)
    if (phase === 'ready-to-finalize') return await step(advancing, transfer, 'finalize', finalize)
    return transfer
  } catch (error) {
    throw chainError(WORDS[phase as keyof typeof WORDS] ?? transfer.kind, error)
  }
}

const WORDS = { 'ready-to-prove': 'the proof', 'ready-to-finalize': 'the end of the withdrawal' }

type Act = (sides: Sides, account: Account, transfer: Transfer) => Promise<unknown>

/** A step on layer 1: what was signed for it before is sent again before it is done anew. */
async function step(advancing: Advancing, transfer: Transfer, name: 'prove' | 'finalize', act: Act) {
  const { sides, account, journal } = advancing
  const before = transfer[name]
  if (before) {
    const state = await stateOfSent(sides.layer1, before)
    if (state.is === 'waiting') {
      await sendAgain(sides.layer1, before)
      await mined(sides.layer1, before.hash)
      return transfer
    }
  }
  await checkSides(sides)
  let next = transfer
  const committing = connectSides(sides.network, (signed) => {
    next = { ...transfer, [name]: signed }
    journal.write(next)
  })
  await act(committing, account, transfer)
  const sent = next[name]
  if (sent) await mined(sides.layer1, sent.hash)
  return next
}

async function mined(side: Side, hash: `0x${string}`): Promise<void> {
  const { status } = await waitForTransactionReceipt(side, { hash, timeout: WAIT_MS })
  if (status === 'success') return
  throw new CloisterError('reverted', `${side.chain.name} refused ${hash}.`, {
    hint: 'Somebody else may have done it meanwhile. Look with `cloister bridge status`.',
  })
}

/** The gas of a proof varies with where the message comes to lie in the trie. */
function withSpare(gas: bigint): bigint {
  return (gas * 5n) / 4n
}

async function prove({ layer1, layer2, targetChain }: Sides, account: Account, { start }: Transfer) {
  const receipt = await getTransactionReceipt(layer2, { hash: start.hash })
  const withdrawal = withdrawalIn(receipt)
  // viem's types want chains that are known when this is compiled.
  const game = await getGame(layer1, { l2BlockNumber: receipt.blockNumber, targetChain } as never)
  const built = await buildProveWithdrawal(layer2, { account, game, withdrawal } as never)
  const args = { ...built, account, targetChain }
  const gas = withSpare(await estimateProveWithdrawalGas(layer1, args as never))
  return proveWithdrawal(layer1, { ...args, gas } as never)
}

async function finalize(sides: Sides, account: Account, transfer: Transfer) {
  const { layer1, layer2, targetChain } = sides
  const status = await transferStatus(sides, transfer)
  if (status.phase !== 'ready-to-finalize') return
  const withdrawal = withdrawalIn(await getTransactionReceipt(layer2, { hash: transfer.start.hash }))
  const args = { account, withdrawal, proofSubmitter: status.submitter, targetChain }
  const gas = await gasOfEnd(sides, args)
  return finalizeWithdrawal(layer1, { ...args, gas: withSpare(gas) } as never)
}

/**
 * A withdrawal ends once, also where what it is for fails: the ether would stay with the portal for ever. For
 * this account the portal reverts then, so that it is known before (OptimismPortal, `ESTIMATION_ADDRESS`).
 */
async function gasOfEnd({ layer1, below }: Sides, args: object): Promise<bigint> {
  try {
    return await estimateFinalizeWithdrawalGas(layer1, { ...args, account: ESTIMATION_ADDRESS } as never)
  } catch (cause) {
    throw new CloisterError(
      'refused',
      `${below.name} would not pay the withdrawal out now, so it was not ended.`,
      {
        hint: 'The receiver doesn’t take it, or the portal has too little. Nothing is lost: try again later.',
        cause,
      },
    )
  }
}
