import type { Address, Hex } from 'viem'
import type { Cloister } from '../cloister.ts'
import { status } from '../leases/lease.ts'
import { sessionOf } from '../session.ts'
import { type ClusterJournal, type ClusterRecord, requireRecord, statesOf } from './journal.ts'

/** One lease of a cluster at one moment. Amounts in base units of `token`. */
export interface ClusterMember {
  rank: number
  lease: Hex
  name: string | undefined
  worker: Address
  /** The worker's word; `closed` is the chain's, `unreachable` where the worker doesn't answer. */
  state: string
  token: Address
  ratePerSecond: bigint
  spent: bigint
  balance: bigint
  secondsLeft: number
  url: Record<string, string>
  /** Others of the cluster that it reaches over the network, and how many of those by a relay. */
  reached: number
  relayed: number
}

export interface ClusterStatus {
  name: string
  network: string
  step: ClusterRecord['step']
  members: ClusterMember[]
}

/** A cluster in a list: how many of its leases are open. */
export interface ClusterSummary {
  name: string
  network: string
  step: ClusterRecord['step']
  size: number
  open: number
}

/**
 * The account's clusters, as they are written down, with how many of their leases the chain says are open.
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
 * for (const { name, open, size } of await clusters.list(cloister, journal))
 *   console.log(`${name}: ${open} of ${size}`)
 * ```
 */
export async function list(cloister: Cloister, journal: ClusterJournal): Promise<ClusterSummary[]> {
  return Promise.all(
    journal.all().map(async (record) => {
      const states = await statesOf(cloister, record)
      const { name, network, step, members } = record
      const open = states.filter((state) => state === 'open').length
      return { name, network, step, size: members.length, open }
    }),
  )
}

/**
 * A cluster: its leases by rank, what each costs, and how many of the others each reaches. Throws
 * `not-found`.
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
 * const { members } = await clusters.show(cloister, journal, 'mpi')
 * console.log(members.every(({ reached }) => reached === members.length - 1))
 * ```
 */
export async function show(
  cloister: Cloister,
  journal: ClusterJournal,
  name: string,
): Promise<ClusterStatus> {
  const { network, step, members } = requireRecord(journal, name)
  return {
    name,
    network,
    step,
    members: await Promise.all(members.map((member, rank) => memberOf(cloister, member, rank))),
  }
}

async function memberOf(
  cloister: Cloister,
  { lease, worker }: ClusterRecord['members'][number],
  rank: number,
): Promise<ClusterMember> {
  const found = await status(cloister, lease)
  const { state, token, ratePerSecond, spent, balance, secondsLeft, url } = found
  const report = await cloister.index
    .worker(worker)
    .then((record) => sessionOf(cloister, record).worker.network(lease))
    .catch(() => undefined)
  const tunnels = (report?.peers ?? []).map((peer) => peer.tunnels.map(({ way }) => way))
  const reached = tunnels.filter((ways) => ways.length > 0 && !ways.includes('none'))
  return {
    ...{ rank, lease, name: found.name, worker, state, token, ratePerSecond, spent, balance, secondsLeft },
    url,
    reached: reached.length,
    relayed: reached.filter((ways) => ways.includes('relayed')).length,
  }
}
