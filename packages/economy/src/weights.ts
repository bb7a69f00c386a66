import { Runs } from './runs.ts'
import { EPOCH_SECONDS, gpuBudgetOf } from './schedule.ts'

/**
 * As in Emission.sol: epochs that one settlement looks at, epochs it looks ahead, and epochs that share a
 * word.
 */
const MAX_EPOCHS = 512
const AHEAD = 24
const GROUP = 8

interface Standing {
  weight: number
  since: number
  gpusUntil: number
  tag: string
  countedFrom: number
  countedTo: number
  countedWeight: number
}

interface Backing {
  backedFrom: number
  unbacked: boolean
}

/** How a worker stands, as the Workers contract knows it. Instants are Unix seconds. */
export interface WorkerState {
  provider: string
  coveredFrom: number
  coveredUntil: number
  gpuClass: string
  gpus: number
  gpusUntil: number
}

/**
 * Which worker's GPUs count for which epoch, as in Emission.sol. Of its own only that rewards of long
 * runs of epochs are added up once for all pools of one weight.
 */
export class Weights {
  /** What all pools weigh together, by epoch. */
  private readonly totals: number[] = []
  readonly classWeight = new Map<string, number>()
  private readonly start: number
  private readonly standings = new Map<string, Standing>()
  private readonly backings = new Map<string, Backing>()
  private readonly pools = new Map<string, Runs>()
  /** The first epoch that may have something to settle. */
  private readonly pending = new Map<string, number>()
  /** By weight: what it earned in all epochs before the index. */
  private readonly sums = new Map<number, bigint[]>()
  private readonly budgets: bigint[] = []

  constructor(start: number) {
    this.start = start
  }

  epochAt(instant: number): number {
    return instant < this.start ? 0 : Math.floor((instant - this.start) / EPOCH_SECONDS)
  }

  totalOf(epoch: number): number {
    return this.totals[epoch] ?? 0
  }

  weightOf(provider: string, epoch: number): number {
    return this.pools.get(provider)?.at(epoch) ?? 0
  }

  /** Coverage reaches further. */
  covered(at: number, worker: string, state: WorkerState): void {
    const standing = this.standings.get(worker)
    if (standing && standing.weight > 0) this.count(at, standing, state)
  }

  /** Coverage ended early. */
  ended(at: number, worker: string, state: WorkerState): void {
    const standing = this.standings.get(worker)
    if (standing) this.uncount(at, standing, state)
  }

  /** Looks at a worker's GPUs, verdict and collateral again. */
  weigh(at: number, worker: string, state: WorkerState, isCollateralised: boolean): void {
    const standing = this.standings.get(worker) ?? {
      weight: 0,
      since: 0,
      gpusUntil: 0,
      tag: '',
      countedFrom: 0,
      countedTo: 0,
      countedWeight: 0,
    }
    this.standings.set(worker, standing)
    const tag = `${state.gpuClass} ${state.gpus}`
    const weight = isCollateralised ? (this.classWeight.get(state.gpuClass) ?? 0) * state.gpus : 0
    if (tag !== standing.tag || weight !== standing.weight) this.uncount(at, standing, state)
    if (tag !== standing.tag || standing.gpusUntil < at || standing.weight === 0) standing.since = at
    Object.assign(standing, { weight, tag, gpusUntil: state.gpusUntil })
    if (weight > 0) this.count(at, standing, state)
  }

  setBacked(at: number, provider: string, backed: boolean): void {
    this.backings.set(provider, { backedFrom: at, unbacked: !backed })
  }

  /**
   * What a pool's GPUs earned since this was last asked, of at most `MAX_EPOCHS` ended epochs; `done` if
   * none is left over.
   */
  settle(at: number, provider: string): { amount: bigint; done: boolean } {
    const pending = this.pending.get(provider)
    const closed = this.epochAt(at)
    if (pending === undefined || pending >= closed) return { amount: 0n, done: true }
    const to = Math.min(closed, pending + MAX_EPOCHS)
    const amount = this.earned(provider, pending, to)
    const done = to === closed
    if (done && amount === 0n && !this.countsFrom(provider, to)) this.pending.delete(provider)
    else this.pending.set(provider, to)
    return { amount, done }
  }

  /** What a pool's GPUs earned in epochs [from, to), all of them over. */
  earned(provider: string, from: number, to: number): bigint {
    let amount = 0n
    for (const run of this.pools.get(provider)?.within(from, to) ?? []) {
      const sums = this.sumsOf(run.value, run.to)
      amount += (sums[run.to] ?? 0n) - (sums[run.from] ?? 0n)
    }
    return amount
  }

  /** Budgets of epochs [from, to) that nobody earned, all of them over. */
  unearned(from: number, to: number): bigint {
    this.close(to)
    let amount = 0n
    for (let epoch = from; epoch < to; epoch++)
      if (this.totalOf(epoch) === 0) amount += this.budgets[epoch] ?? 0n
    return amount
  }

  private sumsOf(weight: number, to: number): bigint[] {
    this.close(to)
    let sums = this.sums.get(weight)
    if (!sums) {
      sums = [0n]
      this.sums.set(weight, sums)
    }
    for (let epoch = sums.length - 1; epoch < to; epoch++) {
      const total = this.totalOf(epoch)
      // Before the pool counted nobody may have.
      const reward = total === 0 ? 0n : ((this.budgets[epoch] ?? 0n) * BigInt(weight)) / BigInt(total)
      sums.push((sums[epoch] ?? 0n) + reward)
    }
    return sums
  }

  /** Reckons the budgets of epochs before `to`. */
  private close(to: number): void {
    for (let epoch = this.budgets.length; epoch < to; epoch++) this.budgets.push(gpuBudgetOf(epoch))
  }

  /**
   * Whether a pool counts for an epoch from `epoch` on, as far as Emission.sol looks ahead: to the end of a
   * group of eight.
   */
  private countsFrom(provider: string, epoch: number): boolean {
    const last = (Math.floor((epoch + AHEAD) / GROUP) + 1) * GROUP
    return this.pools.get(provider)?.within(epoch, last).next().done === false
  }

  private count(at: number, standing: Standing, { provider, coveredFrom, coveredUntil }: WorkerState): void {
    const backing = this.backings.get(provider) ?? { backedFrom: 0, unbacked: false }
    if (backing.unbacked) return
    const stoodFrom = Math.max(coveredFrom, standing.since, backing.backedFrom)
    const from = Math.max(
      this.epochAt(at),
      stoodFrom <= this.start ? 0 : Math.ceil((stoodFrom - this.start) / EPOCH_SECONDS),
      standing.countedTo,
    )
    const to = this.epochAt(Math.min(coveredUntil, standing.gpusUntil))
    if (from >= to) return
    if (from !== standing.countedTo) standing.countedFrom = from
    standing.countedTo = to
    standing.countedWeight = standing.weight
    this.pending.set(provider, Math.min(this.pending.get(provider) ?? from, from))
    this.add(provider, from, to, standing.weight)
  }

  private uncount(at: number, standing: Standing, { provider }: WorkerState): void {
    const from = Math.max(this.epochAt(at), standing.countedFrom)
    const to = standing.countedTo
    if (from >= to) return
    standing.countedTo = from
    this.add(provider, from, to, -standing.countedWeight)
  }

  private add(provider: string, from: number, to: number, weight: number): void {
    let runs = this.pools.get(provider)
    if (!runs) {
      runs = new Runs()
      this.pools.set(provider, runs)
    }
    runs.add(from, to, weight)
    for (let epoch = from; epoch < to; epoch++) this.totals[epoch] = this.totalOf(epoch) + weight
  }
}
