import { getLease } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'

/**
 * How far a cluster is. `opening`: one transaction opens its leases, and was perhaps sent. `starting`: they
 * are open. `up`: all run and reach each other. `closing`: they are being closed.
 */
export const CLUSTER_STEPS = ['opening', 'starting', 'up', 'closing'] as const

/** A cluster, as it is written down before each step. */
export interface ClusterRecord {
  name: string
  network: string
  step: (typeof CLUSTER_STEPS)[number]
  /** By rank. */
  members: { lease: Hex; worker: Address }[]
}

/** Where an account's clusters are written down, by name. Each is committed when `write` returns. */
export interface ClusterJournal {
  read(name: string): ClusterRecord | undefined
  write(record: ClusterRecord): void
  remove(name: string): void
  all(): ClusterRecord[]
}

/** Throws `not-found` where a cluster isn't in the journal. */
export function requireRecord(journal: ClusterJournal, name: string): ClusterRecord {
  const record = journal.read(name)
  if (record) return record
  const known = journal.all().map((one) => one.name)
  throw new CloisterError(
    'not-found',
    `There is no cluster ${JSON.stringify(name.slice(0, 60))} of this account here.`,
    { hint: known.length > 0 ? `There are: ${known.join(', ')}.` : 'Start one: cluster up FILE -n 4.' },
  )
}

/** States of a cluster's leases on chain, by rank. */
export async function statesOf(cloister: Cloister, { members }: ClusterRecord) {
  return Promise.all(members.map(async ({ lease }) => (await getLease(cloister.chain, lease)).state))
}

/** Whether a transaction of the account's is on its way, which may be the one that opens leases. */
export async function isSending(cloister: Cloister): Promise<boolean> {
  const { client, account } = walletOf(cloister)
  const [sent, landed] = await Promise.all([
    client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
    client.getTransactionCount({ address: account.address, blockTag: 'latest' }),
  ])
  return sent > landed
}
