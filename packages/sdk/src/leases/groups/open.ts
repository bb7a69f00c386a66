import { closeLease, getLease, type Opening, openLeases, openManyOf } from '@cloister/chain'
import { CloisterError, encodeLeaseName, MOST_REPLICAS, writeLeaseName } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../../cloister.ts'
import { sessionOf } from '../../session.ts'
import { type Bids, type BidsParameters, bids, type CheckedBid } from '../bids.ts'
import { checkSecrets, noBids } from '../deploy.ts'
import { type AskedDeposit, depositFor, depositProblem } from '../deposit.ts'
import { type Handed, handOver } from '../hand-over.ts'
import { requireMoney } from '../money.ts'
import { checkContents } from '../send.ts'
import { untilStarted } from '../start.ts'
import { type Placed, spreadOver, tooFew } from './choose.ts'

/** A replica that is about to be opened. */
export interface Planned {
  replica: number
  chosen: CheckedBid
  deposit: bigint
}

/** What replicas are opened with. */
export interface ReplicasParameters extends Handed, Omit<BidsParameters, 'manifest'> {
  /** The group's name. */
  name: string
  /** Places in the group to open. */
  places: readonly number[]
  /** Where it has replicas already: on none of these workers, and on other providers where that can be. */
  beside?: readonly Placed[]
  /** Base units for each. */
  deposit: AskedDeposit
  /** Asked before anything is opened; without it, what asks for no unexpected deposit is. */
  agree?: ((planned: readonly Planned[], found: Bids) => Promise<boolean>) | undefined
  /** Told what is opened just before the transaction is sent; ids of leases are known by then. */
  onPlanned?: ((planned: readonly Planned[]) => void | Promise<void>) | undefined
  onStep?: (step: 'bids' | 'evidence' | 'transaction' | 'start', detail: string) => void
  /** Leave leases open whose containers don't start. */
  keepFailed?: boolean | undefined
  timeoutMs?: number | undefined
}

/** A replica that runs. */
export interface OpenedReplica {
  replica: number
  lease: Hex
  worker: Address
  provider: Address
  token: Address
  ratePerSecond: bigint
  deposit: bigint
  attestation: CheckedBid['worker']['attestation']
}

/** Times that bids are asked for anew where a worker's room was taken in between. */
const ASKED = 3

/**
 * Opens replicas of a group on as many workers, with one transaction for all: all of them, or none. Waits
 * until each runs; where one doesn't start, all that were opened here are closed. Throws `no-bids`, `policy`,
 * `cancelled`, `bad-name`, `start-failed`, and what opening throws.
 */
export async function openReplicas(
  cloister: Cloister,
  parameters: ReplicasParameters,
): Promise<{ replicas: OpenedReplica[]; transaction: Hex }> {
  checkSecrets(parameters.manifest, parameters.envelope)
  checkContents(parameters.manifest, parameters.contents ?? [])
  checkPlaces(parameters)
  for (let asked = 1; ; asked++) {
    const planned = await plan(cloister, parameters)
    await parameters.onPlanned?.(planned)
    parameters.onStep?.('transaction', `opening ${planned.length} leases at once`)
    try {
      const openings = openingsOf(parameters.name, planned)
      const { transactionHash } = await openLeases(walletOf(cloister), openings)
      return { replicas: await startAll(cloister, planned, parameters), transaction: transactionHash }
    } catch (error) {
      const hasNoRoom = error instanceof CloisterError && error.details['error'] === 'NoRoom'
      if (!hasNoRoom || asked === ASKED) throw error
    }
  }
}

function checkPlaces({ name, places }: ReplicasParameters): void {
  for (const replica of places) encodeLeaseName(writeLeaseName({ name, replica }))
  if (places.length > MOST_REPLICAS)
    throw new CloisterError('bad-option', `A group has ${MOST_REPLICAS} replicas at the most.`)
}

function openingsOf(name: string, planned: readonly Planned[]): Opening[] {
  return planned.map(({ replica, chosen: { bid }, deposit }) => ({
    bid,
    deposit,
    name: writeLeaseName({ name, replica }),
  }))
}

/** Chooses workers whose bids and evidence will do. Sends nothing. */
async function plan(cloister: Cloister, parameters: ReplicasParameters): Promise<Planned[]> {
  const { places, beside = [], deposit, agree, onStep } = parameters
  onStep?.('bids', 'asking workers for bids')
  const found = await bids(cloister, parameters)
  if (found.bids.length === 0) throw noBids(found)
  let why: unknown
  let left = found.bids.filter((bid) => {
    const problem = depositProblem(bid, deposit, found.token, agree !== undefined)
    why ??= problem
    return !problem
  })
  const checked = new Set<CheckedBid>()
  for (;;) {
    const chosen = spreadOver(left, places.length, beside)
    if (chosen.length < places.length)
      throw tooFew({
        wanted: places.length,
        found: chosen.length,
        beside: beside.length,
        declined: found.declined,
        why,
      })
    onStep?.('evidence', 'checking the machines before money moves')
    const failed = await Promise.all(
      chosen.map(async (bid) => {
        if (checked.has(bid)) return undefined
        try {
          await sessionOf(cloister, bid.worker).demand(found.order.policy, found.order.resources)
          checked.add(bid)
          return undefined
        } catch (error) {
          why = error
          return bid
        }
      }),
    )
    if (failed.some((bid) => bid !== undefined)) {
      left = left.filter((bid) => !failed.includes(bid))
      continue
    }
    const planned = chosen.map((bid, at) => ({
      replica: places[at] ?? at,
      chosen: bid,
      deposit: depositFor(bid, deposit),
    }))
    const total = planned.reduce((sum, one) => sum + one.deposit, 0n)
    await requireMoney(cloister, found.token.address, total, openManyOf(planned.length))
    if (agree && !(await agree(planned, found))) throw new CloisterError('cancelled', 'Nothing was opened.')
    return planned
  }
}

/** Hands the manifest to every worker and waits until all run it. Closes all where one comes to nothing. */
async function startAll(
  cloister: Cloister,
  planned: readonly Planned[],
  parameters: ReplicasParameters,
): Promise<OpenedReplica[]> {
  let running = 0
  const say = () => parameters.onStep?.('start', `${running} of ${planned.length} replicas run`)
  say()
  const outcomes = await Promise.allSettled(
    planned.map(async ({ chosen }) => {
      await startReplica(cloister, chosen, parameters)
      running++
      say()
    }),
  )
  const at = outcomes.findIndex(({ status }) => status === 'rejected')
  const outcome = outcomes[at]
  const lost = planned[at]
  if (outcome?.status === 'rejected' && lost) {
    if (parameters.keepFailed !== true) await closeAll(cloister, planned)
    const { message = String(outcome.reason) } = outcome.reason as Partial<Error>
    throw new CloisterError(
      'start-failed',
      `Replica ${lost.replica} on ${lost.chosen.worker.worker}: ${message}${parameters.keepFailed ? '' : ' All replicas that were opened are closed again, and the rest of their deposits is back.'}`,
      { cause: outcome.reason },
    )
  }
  return planned.map(({ replica, chosen: { lease, worker, bid }, deposit }) => ({
    replica,
    lease,
    worker: worker.worker,
    provider: worker.provider,
    token: bid.token,
    ratePerSecond: bid.ratePerSecond,
    deposit,
    attestation: worker.attestation,
  }))
}

/** Gives an open lease its manifest, and waits until it runs. */
export async function startReplica(
  cloister: Cloister,
  { lease, worker }: Pick<CheckedBid, 'lease' | 'worker'>,
  handed: Handed & { timeoutMs?: number | undefined },
): Promise<void> {
  const client = sessionOf(cloister, worker).worker
  await handOver(cloister, client, lease, handed)
  await untilStarted(client, lease, handed, () => {})
}

async function closeAll(cloister: Cloister, planned: readonly Planned[]): Promise<void> {
  const wallet = walletOf(cloister)
  for (const { chosen } of planned)
    if ((await getLease(wallet, chosen.lease)).state === 'open') await closeLease(wallet, chosen.lease)
}
