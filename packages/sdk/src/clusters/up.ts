import { getLease, openLeases, openManyOf } from '@cloister/chain'
import { CloisterError, GrowingPause, hashManifest, type Manifest, messageOf } from '@cloister/core'
import { type Cloister, walletOf } from '../cloister.ts'
import { checkSecrets } from '../leases/deploy.ts'
import { type AskedDeposit, depositFor, depositProblem } from '../leases/deposit.ts'
import { requireMoney } from '../leases/money.ts'
import { checkContents } from '../leases/send.ts'
import { sessionOf } from '../session.ts'
import { type ClusterBids, type ClusterBidsParameters, clusterBids } from './bids.ts'
import { closeMembers } from './close.ts'
import { type ClusterJournal, type ClusterRecord, isSending, statesOf } from './journal.ts'
import { checkKeys } from './keys.ts'
import { type ClusterShape, clusterShape, manifests as manifestsOf, memberName } from './shape.ts'
import { type StartParameters, startMembers } from './start.ts'
import { type ClusterStatus, show } from './status.ts'

export type ClusterStep = 'bids' | 'evidence' | 'transaction' | 'manifest' | 'start' | 'network' | 'address'

export interface UpParameters extends StartParameters, ClusterBidsParameters {
  manifest: Manifest
  name: string
  /** Leases, 1 to 64. */
  size: number
  /** For each lease; see `deploy`. */
  deposit: AskedDeposit
  journal: ClusterJournal
  /** Asked before the leases are opened, with what goes into all of them; without it, they are. */
  agree?: ((found: ClusterBids, deposits: bigint[]) => Promise<boolean>) | undefined
  onStep?: (step: ClusterStep, detail: string) => void
}

/**
 * Leases of one manifest on one private network, all or none: bids for all are gathered, one transaction
 * opens all, and where one is turned down or doesn't come up, all are closed and the rest of the money is
 * back. Each container is told `CLOISTER_RANK`, `CLOISTER_SIZE` and `CLOISTER_PEERS`. What is done next is
 * written into `journal` before it is done: called again, a cluster that was broken off goes on, and one
 * that is up is left as it is. Throws `no-bids`, `policy`, `no-money`, `refused`, `start-failed`,
 * `unreachable`, and `wrong-manifest` where a known cluster has another manifest or size.
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
 * const { members } = await clusters.up(cloister, {
 *   manifest,
 *   name: 'mpi',
 *   size: 4,
 *   pay: 'USDC',
 *   deposit: ({ bid }) => bid.ratePerSecond * 7200n,
 *   journal,
 * })
 * console.log(members.map(({ name }) => name))
 * ```
 */
export async function up(cloister: Cloister, parameters: UpParameters): Promise<ClusterStatus> {
  const { manifest, name, size, journal } = parameters
  const shape = clusterShape(manifest, name, size)
  checkSecrets(manifest, parameters.envelope)
  checkContents(manifest, parameters.contents ?? [])
  const manifests = manifestsOf(manifest, { name, size })
  const record =
    (await takenUp(cloister, journal, manifests, shape)) ??
    (await openAll(cloister, parameters, shape, manifests))
  if (record.step === 'up') return show(cloister, journal, name)
  journal.write({ ...record, step: 'starting' })
  try {
    await startMembers(cloister, record, manifests, parameters)
  } catch (error) {
    throw await giveUpAll(cloister, journal, record, error)
  }
  journal.write({ ...record, step: 'up' })
  return show(cloister, journal, name)
}

/** A cluster that was begun before, its leases open; undefined where there is none, or no more. */
async function takenUp(
  cloister: Cloister,
  journal: ClusterJournal,
  manifests: readonly Manifest[],
  { name, size, network }: ClusterShape,
): Promise<ClusterRecord | undefined> {
  const record = journal.read(name)
  if (!record) return undefined
  if (record.step === 'closing') {
    await closeMembers(cloister, journal, record)
    return undefined
  }
  let states = await statesOf(cloister, record)
  const pauses = new GrowingPause({ firstMs: 100, longestMs: 1_000 })
  const isNew = () => record.step === 'opening' && states.every((state) => state === 'none')
  // What was sent before may open them still.
  while (isNew() && (await isSending(cloister))) {
    await pauses.wait()
    states = await statesOf(cloister, record)
  }
  if (isNew()) {
    journal.remove(name)
    return undefined
  }
  const hashes = await Promise.all(
    record.members.map(async ({ lease }) => (await getLease(cloister.chain, lease)).manifestHash),
  )
  const isSame = manifests.every((manifest, rank) => hashManifest(manifest) === hashes[rank])
  if (record.members.length !== size || record.network !== network || !isSame)
    throw new CloisterError(
      'wrong-manifest',
      `The cluster ${name} was begun with ${record.members.length} leases and another file or size than this.`,
      { hint: `Close it first (cluster down ${name}), or choose another --name.` },
    )
  const gone = states.filter((state) => state !== 'open').length
  if (gone > 0) {
    const lost = new CloisterError('not-found', `${gone} of the ${size} leases of ${name} are closed.`)
    throw await giveUpAll(cloister, journal, record, lost)
  }
  return record
}

/** Opens leases for all manifests with one transaction. */
async function openAll(
  cloister: Cloister,
  parameters: UpParameters,
  shape: ClusterShape,
  manifests: readonly Manifest[],
): Promise<ClusterRecord> {
  const { journal, agree, deposit, onStep = () => {} } = parameters
  onStep('bids', 'asking workers for bids')
  const bids = await clusterBids(cloister, manifests, parameters)
  const { found, members } = bids
  for (const member of members) {
    const problem = depositProblem(member, deposit, found.token, agree !== undefined)
    if (problem) throw problem
  }
  const deposits = members.map((member) => depositFor(member, deposit))
  const sum = deposits.reduce((total, amount) => total + amount, 0n)
  await requireMoney(cloister, found.token.address, sum, openManyOf(members.length))
  onStep('evidence', 'checking the machines before money moves')
  const workers = new Map(members.map(({ worker }) => [worker.worker, worker]))
  await Promise.all(
    [...workers.values()].map((worker) =>
      sessionOf(cloister, worker).demand(found.order.policy, found.order.resources),
    ),
  )
  if (parameters.envelope) await checkKeys(cloister, parameters.envelope, manifests, [...workers.values()])
  if (agree && !(await agree(bids, deposits))) throw new CloisterError('cancelled', 'Nothing was opened.')
  const record: ClusterRecord = {
    name: shape.name,
    network: shape.network,
    step: 'opening',
    members: members.map(({ lease, worker }) => ({ lease, worker: worker.worker })),
  }
  journal.write(record)
  onStep('transaction', `opening ${members.length} leases`)
  try {
    await openLeases(
      walletOf(cloister),
      members.map(({ bid }, rank) => ({ bid, deposit: deposits[rank] ?? 0n, name: memberName(shape, rank) })),
    )
  } catch (error) {
    // A revert is told before anything is sent; after anything else nobody knows.
    if (error instanceof CloisterError && error.code === 'reverted') journal.remove(shape.name)
    throw error
  }
  return record
}

/** Closes all leases of a cluster that came to nothing. */
async function giveUpAll(
  cloister: Cloister,
  journal: ClusterJournal,
  record: ClusterRecord,
  error: unknown,
): Promise<CloisterError> {
  const cause =
    error instanceof CloisterError
      ? error
      : new CloisterError('start-failed', messageOf(error), { cause: error })
  const { details } = cause
  return closeMembers(cloister, journal, record).then(
    () =>
      new CloisterError(
        cause.code,
        `${cause.message} All leases of ${record.name} are closed, and the rest of their deposits is back.`,
        { details, cause, ...(cause.hint && { hint: cause.hint }) },
      ),
    () =>
      new CloisterError(cause.code, cause.message, {
        hint: `Its leases are open still and cost money: cluster down ${record.name}`,
        details,
        cause,
      }),
  )
}
