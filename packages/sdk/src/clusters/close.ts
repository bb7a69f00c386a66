import { closeLease, getLease, returnedBy } from '@cloister/chain'
import { CloisterError, GrowingPause } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { takeBack } from '../leases/hand-over.ts'
import { type ClusterJournal, type ClusterRecord, isSending, requireRecord, statesOf } from './journal.ts'

/** What a lease of a cluster cost and what came back. Base units of the token. */
export interface ClosedMember {
  lease: Hex
  spent: bigint
  refund: bigint
  /** Waits in the Market until the token moves again. */
  credited: bigint
}

/** What the end of a cluster gave back. */
export interface ClusterClosed {
  name: string
  token: Address | undefined
  /** Those that were open. */
  closed: ClosedMember[]
}

/**
 * Closes all leases of a cluster, one after another; what is left of each is back in the account. Where it
 * was broken off it can be called again. Throws `not-found`, `no-wallet` and `reverted`.
 *
 * @example
 * ```ts
 * import { type ClusterJournal, type ClusterRecord, clusters } from '@cloister/sdk'
 *
 * const kept = new Map<string, ClusterRecord>()
 * const journal: ClusterJournal = {
 *   read: (name) => kept.get(name),
 *   write: (record) => void kept.set(record.name, record),
 *   remove: (name) => void kept.delete(name),
 *   all: () => [...kept.values()],
 * }
 * const { closed } = await clusters.down(cloister, journal, 'mpi')
 * console.log(closed.map(({ refund }) => refund))
 * ```
 */
export async function down(
  cloister: Cloister,
  journal: ClusterJournal,
  name: string,
): Promise<ClusterClosed> {
  const record = requireRecord(journal, name)
  const pauses = new GrowingPause({ firstMs: 100, longestMs: 1_000 })
  // What was sent before may open them still.
  while (record.step === 'opening' && !(await areOpen(cloister, record)) && (await isSending(cloister)))
    await pauses.wait()
  return closeMembers(cloister, journal, record)
}

/** Closes what is open of a cluster, and forgets it. */
export async function closeMembers(
  cloister: Cloister,
  journal: ClusterJournal,
  record: ClusterRecord,
): Promise<ClusterClosed> {
  const wallet = walletOf(cloister)
  const closed: ClosedMember[] = []
  journal.write({ ...record, step: 'closing' })
  const states = await statesOf(cloister, record)
  for (const [rank, { lease }] of record.members.entries()) {
    if (states[rank] !== 'open') continue
    const receipt = await closeLease(wallet, lease).catch((error) => {
      // Somebody else may have closed it.
      if (error instanceof CloisterError && error.details['error'] === 'LeaseNotOpen') return undefined
      throw error
    })
    if (!receipt) continue
    const { sent, credited } = returnedBy(wallet, receipt, lease)
    closed.push({ lease, spent: (await getLease(wallet, lease)).spent, refund: sent, credited })
  }
  const [first] = record.members
  const index = first && (await getLease(wallet, first.lease)).tokenIndex
  const token = index === undefined ? undefined : cloister.network.tokens[index]?.address
  // Of a lease that its worker turned down the deposit is a credit.
  if (token && (await statesOf(cloister, record)).includes('refused')) await takeBack(wallet, token)
  journal.remove(record.name)
  return { name: record.name, token, closed }
}

async function areOpen(cloister: Cloister, record: ClusterRecord): Promise<boolean> {
  return (await statesOf(cloister, record)).some((state) => state !== 'none')
}
