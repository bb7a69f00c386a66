import { CloisterError } from '@cloister/core'
import { type Address, type Hex, isAddressEqual, parseEventLogs, type TransactionReceipt } from 'viem'
import { getBlock, getLogs, readContract } from 'viem/actions'
import { getGame, getPortalVersion, getWithdrawals } from 'viem/op-stack'
import { GAME_ABI, MESSENGER_ABI, PORTAL_ABI } from './abi.ts'
import { receiptOf } from './sent.ts'
import { MESSAGE_PASSER, type Sides } from './sides.ts'
import type { Transfer } from './transfer.ts'

/** Proofs of one withdrawal that are looked at: anybody may hand in one, and the last ones may be others'. */
const MOST_PROOFS = 16n

/** Where a withdrawal is that layer 2 has taken. Times are Unix seconds, of layer 1. */
export type WithdrawalState =
  /** No output of `block`, or of a later one, is on layer 1 yet. */
  | { phase: 'waiting-for-output'; block: bigint }
  | { phase: 'ready-to-prove' }
  /** Proved; it can be ended after `until`, or it isn't known yet when. */
  | { phase: 'waiting-for-end'; until: number | undefined }
  | { phase: 'ready-to-finalize'; submitter: Address }
  | { phase: 'failed'; why: string }
  | { phase: 'done' }

type Withdrawal = ReturnType<typeof getWithdrawals>[number]

/** The message that a withdrawal's first transaction left. Throws `not-found`. */
export function withdrawalIn({ logs, transactionHash }: TransactionReceipt): Withdrawal {
  // Any contract may write an event that looks like it.
  const own = logs.filter(({ address }) => isAddressEqual(address, MESSAGE_PASSER))
  const [withdrawal] = getWithdrawals({ logs: own })
  if (withdrawal) return withdrawal
  throw new CloisterError('not-found', `${transactionHash} withdraws nothing.`)
}

/** Asks layer 1 how far a withdrawal is. */
export async function stateOfWithdrawal(
  sides: Sides,
  transfer: Transfer,
  receipt: TransactionReceipt,
): Promise<WithdrawalState> {
  const { layer1, targetChain, below } = sides
  const { withdrawalHash } = withdrawalIn(receipt)
  await checkPortal(sides)
  const portal = { address: below.contracts.portal, abi: PORTAL_ABI } as const
  const { timestamp: now } = await getBlock(layer1)
  if (await readContract(layer1, { ...portal, functionName: 'finalizedWithdrawals', args: [withdrawalHash] }))
    return ended(sides, transfer, withdrawalHash)
  const proofs = await proofsOf(sides, transfer.account, withdrawalHash)
  const states = await Promise.all(proofs.map((proof) => stateOfProof(sides, withdrawalHash, proof, now)))
  const good = states.find((state) => state?.phase === 'ready-to-finalize')
  if (good) return good
  const waiting = states.filter((state) => state?.phase === 'waiting-for-end')
  if (waiting.length > 0) {
    const times = waiting.flatMap(({ until }) => (until === undefined ? [] : [until]))
    return { phase: 'waiting-for-end', until: times.length > 0 ? Math.min(...times) : undefined }
  }
  const block = receipt.blockNumber
  try {
    const game = await getGame(layer1, { l2BlockNumber: block, targetChain } as never)
    // A proof counts where its block is younger than the output's.
    return now > game.timestamp ? { phase: 'ready-to-prove' } : { phase: 'waiting-for-output', block }
  } catch (error) {
    if ((error as Error).name === 'GameNotFoundError') return { phase: 'waiting-for-output', block }
    throw error
  }
}

/** Portals before version 3 ask another contract for outputs. Throws `unsupported`. */
async function checkPortal({ layer1, targetChain, below }: Sides): Promise<void> {
  const { major } = await getPortalVersion(layer1, { targetChain } as never)
  if (major >= 3) return
  throw new CloisterError(
    'unsupported',
    `The portal of ${below.name} is of version ${major}; 3 and later are known.`,
  )
}

interface Proof {
  submitter: Address
  game: Address
  provedAt: bigint
}

/** The account's own proof, and the last ones of others. */
async function proofsOf({ layer1, below }: Sides, own: Address, hash: Hex): Promise<Proof[]> {
  const portal = { address: below.contracts.portal, abi: PORTAL_ABI } as const
  const count = await readContract(layer1, { ...portal, functionName: 'numProofSubmitters', args: [hash] })
  const first = count > MOST_PROOFS ? count - MOST_PROOFS : 0n
  const others = await Promise.all(
    Array.from({ length: Number(count - first) }, (_, place) =>
      readContract(layer1, {
        ...portal,
        functionName: 'proofSubmitters',
        args: [hash, first + BigInt(place)],
      }),
    ),
  )
  const found = await Promise.all(
    [...new Set([own, ...others])].map(async (submitter) => {
      const [game, provedAt] = await readContract(layer1, {
        ...portal,
        functionName: 'provenWithdrawals',
        args: [hash, submitter],
      })
      return { submitter, game, provedAt }
    }),
  )
  return found.filter(({ provedAt }) => provedAt > 0n)
}

/** Undefined for a proof that comes to nothing: another one is needed then. */
async function stateOfProof({ layer1, below }: Sides, hash: Hex, proof: Proof, now: bigint) {
  const portal = { address: below.contracts.portal, abi: PORTAL_ABI } as const
  const { submitter, provedAt } = proof
  const [maturity, finality, createdAt, resolvedAt] = await Promise.all([
    readContract(layer1, { ...portal, functionName: 'proofMaturityDelaySeconds' }),
    readContract(layer1, { ...portal, functionName: 'disputeGameFinalityDelaySeconds' }),
    readContract(layer1, { address: proof.game, abi: GAME_ABI, functionName: 'createdAt' }),
    readContract(layer1, { address: proof.game, abi: GAME_ABI, functionName: 'resolvedAt' }),
  ])
  if (provedAt <= createdAt) return undefined
  if (resolvedAt === 0n) return { phase: 'waiting-for-end', until: undefined } as const
  const until = Math.max(Number(provedAt + maturity), Number(resolvedAt + finality))
  if (now <= until) return { phase: 'waiting-for-end', until } as const
  try {
    await readContract(layer1, { ...portal, functionName: 'checkWithdrawal', args: [hash, submitter] })
    return { phase: 'ready-to-finalize', submitter } as const
  } catch (error) {
    // The portal's word: its output was given up since, by those who may.
    if ((error as Error).name === 'ContractFunctionExecutionError') return undefined
    throw error
  }
}

/** Whether what was paid out arrived. Where the transaction isn't found, layer 1 doesn't say otherwise. */
async function ended(sides: Sides, { finalize }: Transfer, hash: Hex): Promise<WithdrawalState> {
  const { layer1, below } = sides
  const { portal, messenger } = below.contracts
  const found = finalize && (await receiptOf(layer1, finalize.hash))
  const receipt = found?.status === 'success' ? found : await finalizationOf(sides, hash)
  if (!receipt) return { phase: 'done' }
  const logsOf = (at: Address) => receipt.logs.filter(({ address }) => isAddressEqual(address, at))
  const [end] = parseEventLogs({
    abi: PORTAL_ABI,
    eventName: 'WithdrawalFinalized',
    logs: logsOf(portal),
  }).filter(({ args }) => args.withdrawalHash === hash)
  if (end && !end.args.success)
    return {
      phase: 'failed',
      why: `The receiver refused it in ${receipt.transactionHash}, once and for all.`,
    }
  const refused = parseEventLogs({
    abi: MESSENGER_ABI,
    eventName: 'FailedRelayedMessage',
    logs: logsOf(messenger),
  })
  if (refused.length > 0)
    return {
      phase: 'failed',
      why: `The messenger could not deliver it in ${receipt.transactionHash}; anybody can have it try again (relayMessage).`,
    }
  return { phase: 'done' }
}

async function finalizationOf({ layer1, below }: Sides, withdrawalHash: Hex) {
  try {
    const [log] = await getLogs(layer1, {
      address: below.contracts.portal,
      event: PORTAL_ABI.find((item) => item.type === 'event' && item.name === 'WithdrawalFinalized'),
      args: { withdrawalHash },
      fromBlock: 0n,
      toBlock: 'latest',
    } as never)
    return log?.transactionHash ? await receiptOf(layer1, log.transactionHash) : undefined
  } catch {
    // Public nodes look through only so many blocks.
    return undefined
  }
}
