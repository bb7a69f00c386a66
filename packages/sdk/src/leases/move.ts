import { closeLease, getLease, openLease } from '@cloister/chain'
import {
  type CopiedVolume,
  copyVolume,
  listVolumes,
  throughAbsence,
  type WorkerClient,
} from '@cloister/client'
import { CloisterError, type LeaseRecord, writeLeaseName } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { type Session, sessionOf } from '../session.ts'
import { type BidsParameters, bids, type CheckedBid } from './bids.ts'
import { checkSecrets, noBids } from './deploy.ts'
import { type AskedDeposit, depositFor, depositProblem } from './deposit.ts'
import { giveUp } from './give-up.ts'
import { type Handed, handOver } from './hand-over.ts'
import { holdStill, untilTrue } from './hold.ts'
import { findLease, routesOf, urlsOf } from './lease.ts'
import { requireMoney } from './money.ts'
import { untilReached } from './reach.ts'
import { checkContents } from './send.ts'
import { untilStarted } from './start.ts'

/**
 * How far a move is. `copying`: the old lease runs. `starting`: the old one stands still for good, and the
 * new one has all of its volumes. `closing`: the new one runs.
 */
export const MOVE_STEPS = ['opening', 'copying', 'starting', 'closing'] as const

/** A move that was begun, as it is written down before each step. */
export interface MoveRecord {
  from: Hex
  to: Hex
  step: (typeof MOVE_STEPS)[number]
}

/** Where moves are written down, by the lease that is moved. Each is committed when `write` returns. */
export interface MoveJournal {
  read(from: Hex): MoveRecord | undefined
  write(record: MoveRecord): void
  remove(from: Hex): void
}

export interface MoveParameters extends Omit<Handed, 'fill'>, Omit<BidsParameters, 'manifest'> {
  deposit: AskedDeposit
  journal: MoveJournal
  /** Asked before a lease is opened; without it, it is. */
  agree?: ((chosen: CheckedBid, deposit: bigint) => Promise<boolean>) | undefined
  onStep?: (step: 'bids' | 'transaction' | 'copy' | 'stop' | 'start' | 'close', detail: string) => void
  timeoutMs?: number | undefined
}

/** What a move did. */
export interface Moved {
  from: Hex
  to: Hex
  worker: Address
  provider: Address
  /** By exposed service. */
  url: Record<string, string>
  /** Milliseconds in which nothing ran; undefined where another process had stopped it. */
  downtimeMs: number | undefined
  totalMs: number
  /** Bytes that were sent, and that were while nothing ran. */
  sentBytes: number
  sentWhileStoppedBytes: number
  volumes: string[]
}

/** A pass that sent more is followed by another before anything stops. */
const LARGE_PASS_BYTES = 32 * 1024 ** 2
const MOST_PASSES = 4
const NAME_MS = 30_000

/**
 * Moves a lease to another worker with its volumes: opens a lease there, copies while the old one runs, stops
 * that, copies what has changed, starts the new one, and closes the old one once that runs. Each step is
 * written into `journal` before it is taken: called again with the same lease, a move that was broken off
 * goes on. What the new worker can't start is given up, and the old lease runs again. Throws `no-bids`,
 * `policy`, `start-failed`, `unreachable`, and what else opening and copying throw.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const moves = new Map()
 * const { downtimeMs, url } = await leases.move(cloister, 'my-app', {
 *   manifest,
 *   pay: 'USDC',
 *   deposit: ({ bid }) => bid.ratePerSecond * 7200n,
 *   journal: {
 *     read: (from) => moves.get(from),
 *     write: (record) => void moves.set(record.from, record),
 *     remove: (from) => void moves.delete(from),
 *   },
 * })
 * ```
 */
export async function move(cloister: Cloister, key: string, parameters: MoveParameters): Promise<Moved> {
  const begun = performance.now()
  checkSecrets(parameters.manifest, parameters.envelope)
  checkContents(parameters.manifest, parameters.contents ?? [])
  const record = await findLease(cloister, key)
  const wallet = walletOf(cloister)
  const { state } = await getLease(wallet, record.lease)
  const known = parameters.journal.read(record.lease)
  if (state !== 'open' && known?.step !== 'closing')
    throw new CloisterError('not-found', `The lease ${record.shortId} is closed.`)
  const source = sessionOf(cloister, record).asTenant
  const target = await targetOf(cloister, record, known, parameters)
  const work = new Move({ cloister, record, source, target, parameters })
  await work.run()
  return {
    from: record.lease,
    to: target.lease,
    worker: target.session.about.worker,
    provider: target.session.about.provider,
    url: urlsOf(await routesOf(cloister, target.lease)),
    totalMs: Math.round(performance.now() - begun),
    ...work.done,
  }
}

/** The lease that another is moved to. */
interface Target {
  lease: Hex
  session: Session
  step: MoveRecord['step']
}

/** The lease that was opened for a move that was begun, or a new one. */
async function targetOf(
  cloister: Cloister,
  record: LeaseRecord,
  known: MoveRecord | undefined,
  parameters: MoveParameters,
): Promise<Target> {
  const wallet = walletOf(cloister)
  if (known) {
    const { state, worker } = await getLease(wallet, known.to)
    if (state === 'open') {
      const session = sessionOf(cloister, await cloister.index.worker(worker))
      return { lease: known.to, session, step: known.step === 'opening' ? 'copying' : known.step }
    }
    if (known.step === 'closing')
      throw new CloisterError('not-found', 'The lease that it was moved to has been closed.')
    parameters.journal.remove(record.lease)
  }
  const { manifest, onStep = () => {} } = parameters
  onStep('bids', 'asking workers for bids')
  const found = await bids(cloister, { ...parameters, manifest })
  const others = found.bids.filter(({ worker }) => worker.worker !== record.worker)
  const chosen = others.find((bid) => !depositProblem(bid, parameters.deposit, found.token, false))
  if (!chosen) {
    const [first] = others
    throw (
      (first && depositProblem(first, parameters.deposit, found.token, false)) ??
      (found.bids.length > 0
        ? new CloisterError('no-bids', 'The lease is on that worker already.')
        : noBids(found))
    )
  }
  const deposit = depositFor(chosen, parameters.deposit)
  const session = sessionOf(cloister, chosen.worker)
  await session.demand(found.order.policy, found.order.resources)
  await requireMoney(cloister, chosen.bid.token, deposit)
  if (parameters.agree && !(await parameters.agree(chosen, deposit)))
    throw new CloisterError('cancelled', 'Nothing was opened.')
  parameters.journal.write({ from: record.lease, to: chosen.lease, step: 'opening' })
  onStep('transaction', 'opening the lease there')
  await openLease(wallet, chosen.bid, deposit, nameOf(record))
  return { lease: chosen.lease, session, step: 'copying' }
}

class Move {
  readonly done: Pick<Moved, 'downtimeMs' | 'sentBytes' | 'sentWhileStoppedBytes' | 'volumes'> = {
    downtimeMs: undefined,
    sentBytes: 0,
    sentWhileStoppedBytes: 0,
    volumes: [],
  }
  private readonly parts: {
    cloister: Cloister
    record: LeaseRecord
    source: WorkerClient
    target: Target
    parameters: MoveParameters
  }
  private stoppedAt: number | undefined

  constructor(parts: Move['parts']) {
    this.parts = parts
  }

  async run(): Promise<void> {
    const { target, cloister, record } = this.parts
    if (target.step === 'copying') {
      try {
        await this.copyWhileRunning()
        await this.copyStopped()
      } catch (error) {
        // What another process broke off is begun anew; what can't be is given up there.
        if (isPassing(error)) throw error
        await this.goBack()
        throw await giveUp(cloister, target.lease, error)
      }
      this.note('starting')
      target.step = 'starting'
    }
    if (target.step === 'starting') {
      try {
        await this.start()
      } catch (error) {
        if (isPassing(error)) throw error
        await throughAbsence(() => target.session.worker.hold(target.lease, { held: true })).catch(() => {})
        await this.goBack()
        throw await giveUp(cloister, target.lease, error)
      }
      this.note('closing')
    }
    await this.close()
    this.parts.parameters.journal.remove(record.lease)
  }

  /** Gives the new worker all that the lease needs, and its volumes as they are now, a few times over. */
  private async copyWhileRunning(): Promise<void> {
    const { cloister, target, parameters } = this.parts
    const { worker } = target.session
    this.note('copying')
    this.tell('copy', 'handing the manifest to the new worker')
    const fill = (client: WorkerClient, lease: Hex) => client.hold(lease, { held: true })
    await handOver(cloister, worker, target.lease, { ...parameters, fill })
    for (let pass = 1; pass <= MOST_PASSES; pass++) {
      const before = this.done.sentBytes
      await this.copyAll()
      if (this.done.sentBytes - before < LARGE_PASS_BYTES) break
    }
    this.tell('copy', 'waiting for the images there')
    const until = Date.now() + (parameters.timeoutMs ?? 3_600_000)
    await untilTrue(
      async () => (await throughAbsence(() => worker.lease(target.lease))).prepared === true,
      until,
      'The images have not come to the new worker in time.',
    )
  }

  /** Stops the old lease, which runs again by itself where nobody goes on, and copies what has changed. */
  private async copyStopped(): Promise<void> {
    const { source, record } = this.parts
    this.tell('stop', 'stopping the old one')
    this.stoppedAt = performance.now()
    const end = await holdStill(source, record.lease)
    try {
      const before = this.done.sentBytes
      await this.copyAll()
      this.done.sentWhileStoppedBytes = this.done.sentBytes - before
    } finally {
      end()
    }
  }

  /** From here on the old one doesn't come back by itself: two of them would each write. */
  private async start(): Promise<void> {
    const { source, record, target, parameters } = this.parts
    const { worker } = target.session
    await throughAbsence(() => source.hold(record.lease, { held: true }))
    this.tell('start', 'starting the new one')
    await throughAbsence(() => worker.hold(target.lease, { held: false }))
    await untilStarted(worker, target.lease, parameters, (text) => this.tell('start', text))
    this.measure()
  }

  private async close(): Promise<void> {
    const { cloister, record, target, parameters } = this.parts
    this.tell('close', 'closing the old one')
    const wallet = walletOf(cloister)
    if ((await getLease(wallet, record.lease)).state === 'open') await closeLease(wallet, record.lease)
    await untilReached(cloister, target.lease, parameters.manifest)
    // Its name passes on once the index has seen that the old one is closed.
    if (record.name === undefined || record.replica !== undefined) return
    this.tell('close', 'waiting for the name')
    const isNamed = async () => (await cloister.index.lease(target.lease)).name === record.name
    await untilTrue(isNamed, Date.now() + NAME_MS, '').catch(() => {})
    this.measure()
  }

  private async copyAll(): Promise<void> {
    const { source, record, target } = this.parts
    const from = { client: source, lease: record.lease }
    const to = { client: target.session.worker, lease: target.lease }
    const names = await throughAbsence(() => listVolumes(source, record.lease))
    this.done.volumes = names
    for (const name of names) {
      const before = this.done.sentBytes
      const copied: CopiedVolume = await copyVolume(from, to, name, {
        tell: (read, sent) => {
          this.done.sentBytes = before + sent
          this.tell('copy', `${name}: ${mebibytes(read)} read, ${mebibytes(this.done.sentBytes)} sent`)
        },
      })
      this.done.sentBytes = before + copied.sentBytes
    }
  }

  private async goBack(): Promise<void> {
    const { source, record, parameters } = this.parts
    await throughAbsence(() => source.hold(record.lease, { held: false }))
    parameters.journal.remove(record.lease)
  }

  private measure(): void {
    if (this.stoppedAt !== undefined) this.done.downtimeMs = Math.round(performance.now() - this.stoppedAt)
  }

  private note(step: MoveRecord['step']): void {
    const { record, target, parameters } = this.parts
    parameters.journal.write({ from: record.lease, to: target.lease, step })
  }

  private tell(step: Parameters<NonNullable<MoveParameters['onStep']>>[0], detail: string): void {
    this.parts.parameters.onStep?.(step, detail)
  }
}

/** The name that the lease was opened with. */
function nameOf({ wishedName, replica }: LeaseRecord): string | undefined {
  return wishedName === undefined ? undefined : writeLeaseName({ name: wishedName, replica })
}

/** Somebody didn't answer, which may be over when the move is taken up again. */
function isPassing(error: unknown): boolean {
  return error instanceof CloisterError && ['unreachable', 'chain-unreachable'].includes(error.code)
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`
}
