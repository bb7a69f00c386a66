import { GPU_CLASSES } from './classes.ts'
import { emitted, emittedForStake, emittedForTreasury } from './schedule.ts'
import { poolAssetsOf, poolLossOf, REWARD_PRECISION, toShares } from './shares.ts'
import { Weights, type WorkerState } from './weights.ts'

const ASSET_PRECISION = 2n ** 96n
const MIN_ACTIVE = 10n ** 18n
const BPS = 10_000n
/** With fewer shares a pool shares nothing out (see Shares.sol). */
const LEAST_SHARES = 10n ** 16n
/** What slashes took of a pool lately, of this; a tenth at the most, which wears off in a week. */
const WHOLE = 10n ** 18n
const MAX_SLASH = WHOLE / 10n
const SLASH_PERIOD_SECONDS = 7n * 86_400n
const NOTICE_SECONDS = 7 * 86_400
const CHANGE_DELAY_SECONDS = 22 * 86_400
const EXIT_SECONDS = 21 * 86_400

interface Pool {
  assets: bigint
  shares: bigint
  exitAssets: bigint
  exitShares: bigint
  /** Exit shares that are the provider's own. */
  ownExitShares: bigint
  commissionBps: bigint
  nextCommissionBps: bigint
  nextCommissionFrom: number
  paidPerAsset: bigint
  locked: bigint
  slashedPart: bigint
  slashedAt: number
  rewardPerShare: bigint
  providerOwed: bigint
}

interface Position {
  shares: bigint
  paidPerShare: bigint
  owed: bigint
}

interface Exit {
  provider: string
  account: string
  shares: bigint
  readyAt: number
}

/**
 * Stake and emission as the contracts do them, to the unit, in memory: Stake.sol and Emission.sol in
 * TypeScript. It predicts every account's balance from what was done when. It doesn't check who may do what:
 * give it what the chain has taken. Amounts are base units of CLOI, instants Unix seconds that never go back,
 * accounts any text.
 */
export class Economy {
  readonly weights: Weights
  readonly start: number
  readonly treasury: string
  /** What each account has more or less than at the beginning. */
  readonly balances = new Map<string, bigint>()
  minted = 0n
  unearned = 0n
  active = 0n
  private perAsset = 0n
  private syncedAt: number
  private collected = 0n
  private collectedTo = 0
  private readonly pools = new Map<string, Pool>()
  private readonly positions = new Map<string, Position>()
  private readonly exits = new Map<bigint, Exit>()
  private readonly workers = new Map<string, WorkerState>()
  private readonly lockedFor = new Map<string, bigint>()
  private readonly collateral = new Map<string, { amount: bigint; next: bigint; nextFrom: number }>()
  private exitCount = 0n

  /** An economy with the GPU classes that the contracts are deployed with. */
  static deployed(begin: { start: number; treasury: string }): Economy {
    const economy = new Economy(begin)
    for (const [name, { collateral, weight }] of Object.entries(GPU_CLASSES)) {
      economy.collateral.set(name, { amount: collateral * 10n ** 18n, next: 0n, nextFrom: 0 })
      economy.weights.classWeight.set(name, weight)
    }
    return economy
  }

  constructor({ start, treasury }: { start: number; treasury: string }) {
    this.start = start
    this.treasury = treasury
    this.syncedAt = start
    this.weights = new Weights(start)
  }

  // STAKE

  delegate(at: number, provider: string, account: string, amount: bigint): bigint {
    this.pay(account, -amount)
    return this.enter(at, provider, account, amount)
  }

  /** Returns the exit's id. */
  requestExit(at: number, provider: string, account: string, shares: bigint): bigint {
    const amount = this.leave(at, provider, account, shares)
    const pool = this.pool(provider)
    const exitShares = toShares(amount, pool.exitAssets, pool.exitShares)
    pool.exitAssets += amount
    pool.exitShares += exitShares
    if (account === provider) pool.ownExitShares += exitShares
    this.exits.set(++this.exitCount, { provider, account, shares: exitShares, readyAt: at + EXIT_SECONDS })
    return this.exitCount
  }

  cancelExit(at: number, id: bigint): bigint {
    const { provider, account, amount } = this.takeExit(id)
    return this.enter(at, provider, account, amount)
  }

  withdraw(id: bigint): bigint {
    const { account, amount } = this.takeExit(id)
    this.pay(account, amount)
    return amount
  }

  redelegate(at: number, from: string, to: string, account: string, shares: bigint): bigint {
    return this.enter(at, to, account, this.leave(at, from, account, shares))
  }

  setCommission(at: number, provider: string, bps: bigint): void {
    this.settle(at, provider)
    const pool = this.pool(provider)
    if (bps <= pool.commissionBps)
      Object.assign(pool, { commissionBps: bps, nextCommissionBps: 0n, nextCommissionFrom: 0 })
    else Object.assign(pool, { nextCommissionBps: bps, nextCommissionFrom: at + NOTICE_SECONDS })
  }

  /** What slashes may take of a pool now, all together. */
  slashRoomOf(at: number, provider: string): bigint {
    const { assets, exitAssets } = this.pool(provider)
    return ((assets + exitAssets) * (MAX_SLASH - this.slashedPartOf(at, provider))) / WHOLE
  }

  /**
   * Takes a part of a pool; returns it. The reporter gets no more of it than half of what is the provider's
   * own loss. Throws where it is more than `slashRoomOf`.
   */
  slash(at: number, provider: string, amount: bigint, reporter?: string, reporterBps = 0n): bigint {
    this.settle(at, provider)
    const pool = this.pool(provider)
    const whole = pool.assets + pool.exitAssets
    const room = this.slashRoomOf(at, provider)
    const taken = amount
    if (taken > room) throw new Error(`slashes may take ${room} of the pool of ${provider} now, not ${taken}`)
    const part = this.slashedPartOf(at, provider) + (taken * WHOLE + whole - 1n) / whole
    Object.assign(pool, { slashedPart: part, slashedAt: at })
    const exiting = (taken * pool.exitAssets) / whole
    const reward = smaller((taken * reporterBps) / BPS, this.ownLoss(provider, taken - exiting, exiting) / 2n)
    const wasShort = pool.assets < pool.locked
    pool.exitAssets -= exiting
    pool.assets -= taken - exiting
    this.active -= taken - exiting
    this.tellBacked(at, provider, wasShort)
    const toReporter = reporter === undefined ? 0n : reward
    if (reporter !== undefined) this.pay(reporter, toReporter)
    this.pay(this.treasury, taken - toReporter)
    return taken
  }

  /** What an offence takes: hundredths of a percent of everything in a pool (see Slashing.sol). */
  penaltyOf(provider: string, bps: bigint): bigint {
    const { assets, exitAssets } = this.pool(provider)
    return ((assets + exitAssets) * bps) / BPS
  }

  // REWARDS

  /** Shares out what a pool's stake and GPUs have earned; false if epochs are left over for another call. */
  settle(at: number, provider: string): boolean {
    const pool = this.pool(provider)
    this.sync(at)
    const stakeReward = (pool.assets * (this.perAsset - pool.paidPerAsset)) / ASSET_PRECISION
    pool.paidPerAsset = this.perAsset
    const isShared = pool.shares >= LEAST_SHARES
    const commission = isShared ? (stakeReward * pool.commissionBps) / BPS : stakeReward
    if (pool.nextCommissionFrom !== 0 && pool.nextCommissionFrom <= at)
      Object.assign(pool, {
        commissionBps: pool.nextCommissionBps,
        nextCommissionBps: 0n,
        nextCommissionFrom: 0,
      })
    const { amount: gpuReward, done } = this.weights.settle(at, provider)
    if (stakeReward + gpuReward === 0n) return done
    const providerPart = isShared ? gpuReward / 2n : gpuReward
    const shared = stakeReward - commission + gpuReward - providerPart
    pool.providerOwed += commission + providerPart
    if (shared > 0n) pool.rewardPerShare += (shared * REWARD_PRECISION) / pool.shares
    return done
  }

  /** Pays an account's rewards of a pool out; returns how much. */
  claimReward(at: number, provider: string, account: string): bigint {
    this.settle(at, provider)
    const position = this.accrue(provider, account)
    let amount = position.owed
    position.owed = 0n
    if (account === provider) {
      const pool = this.pool(provider)
      amount += pool.providerOwed
      pool.providerOwed = 0n
    }
    this.mint(account, amount)
    return amount
  }

  /**
   * An account's shares in a pool, what they are worth and what it could claim, as of the pool's last
   * settlement.
   */
  positionOf(provider: string, account: string): { shares: bigint; worth: bigint; rewards: bigint } {
    const pool = this.pool(provider)
    const { shares, owed, paidPerShare } = this.positions.get(key(provider, account)) ?? {
      shares: 0n,
      owed: 0n,
      paidPerShare: 0n,
    }
    const rewards = owed + (shares * (pool.rewardPerShare - paidPerShare)) / REWARD_PRECISION
    return {
      shares,
      worth: poolAssetsOf(shares, pool.assets, pool.shares),
      rewards: rewards + (account === provider ? pool.providerOwed : 0n),
    }
  }

  /** Pays the treasury its part, and GPU budgets that nobody earned, of at most `epochs` epochs. */
  collect(at: number, epochs: number): bigint {
    const due = emittedForTreasury(at - this.start)
    const to = Math.min(this.weights.epochAt(at), this.collectedTo + epochs)
    const amount = due - this.collected + this.weights.unearned(this.collectedTo, to)
    this.collected = due
    this.collectedTo = to
    this.mint(this.treasury, amount)
    return amount
  }

  /** Pays the treasury what all stake would have earned while there was none. */
  collectUnearned(at: number): bigint {
    this.sync(at)
    const amount = this.unearned
    this.unearned = 0n
    this.mint(this.treasury, amount)
    return amount
  }

  // WORKERS

  join(worker: string, provider: string): void {
    this.workers.set(worker, {
      provider,
      coveredFrom: 0,
      coveredUntil: 0,
      gpuClass: '',
      gpus: 0,
      gpusUntil: 0,
    })
  }

  cover(at: number, worker: string, seconds: number): void {
    const state = this.worker(worker)
    if (at > state.coveredUntil) state.coveredFrom = at
    state.coveredUntil = Math.max(state.coveredUntil, at + seconds)
    this.weights.covered(at, worker, state)
  }

  depart(at: number, worker: string): void {
    const state = this.worker(worker)
    state.coveredUntil = Math.min(state.coveredUntil, at)
    this.weights.ended(at, worker, state)
  }

  confirmGpus(at: number, worker: string, gpuClass: string, gpus: number, seconds: number): void {
    Object.assign(this.worker(worker), { gpuClass, gpus, gpusUntil: at + seconds })
    this.weigh(at, worker)
  }

  syncCollateral(at: number, worker: string): void {
    const state = this.worker(worker)
    const isInService = state.gpusUntil > at && state.coveredUntil > at
    const current = this.collateralPerGpu(at, state.gpuClass)
    const next = this.collateral.get(state.gpuClass)?.next ?? 0n
    const needed = isInService ? BigInt(state.gpus) * (current > next ? current : next) : 0n
    const pool = this.pool(state.provider)
    const wasShort = pool.assets < pool.locked
    pool.locked += needed - (this.lockedFor.get(worker) ?? 0n)
    this.lockedFor.set(worker, needed)
    this.tellBacked(at, state.provider, wasShort)
    this.weigh(at, worker)
  }

  weigh(at: number, worker: string): void {
    const state = this.worker(worker)
    const perGpu = this.collateralPerGpu(at, state.gpuClass)
    const isCollateralised = perGpu > 0n && (this.lockedFor.get(worker) ?? 0n) >= BigInt(state.gpus) * perGpu
    this.weights.weigh(at, worker, state, isCollateralised)
  }

  setCollateralPerGpu(at: number, gpuClass: string, amount: bigint): void {
    this.collateral.set(gpuClass, {
      amount: this.collateralPerGpu(at, gpuClass),
      next: amount,
      nextFrom: at + CHANGE_DELAY_SECONDS,
    })
  }

  private collateralPerGpu(at: number, gpuClass: string): bigint {
    const { amount, next, nextFrom } = this.collateral.get(gpuClass) ?? { amount: 0n, next: 0n, nextFrom: 0 }
    return nextFrom !== 0 && nextFrom <= at ? next : amount
  }

  /** What `provider`'s pool holds: active and exiting stake, and what of it is locked. */
  poolOf(provider: string): Readonly<Pool> {
    return this.pool(provider)
  }

  /** What is emitted until `at`, whether it was taken or not. */
  emittedBy(at: number): bigint {
    return emitted(at - this.start)
  }

  // INTERNAL

  private enter(at: number, provider: string, account: string, amount: bigint): bigint {
    this.settle(at, provider)
    const position = this.accrue(provider, account)
    const pool = this.pool(provider)
    const wasShort = pool.assets < pool.locked
    const shares = toShares(amount, pool.assets, pool.shares)
    pool.assets += amount
    pool.shares += shares
    this.active += amount
    position.shares += shares
    this.tellBacked(at, provider, wasShort)
    return shares
  }

  private leave(at: number, provider: string, account: string, shares: bigint): bigint {
    this.settle(at, provider)
    const position = this.accrue(provider, account)
    const pool = this.pool(provider)
    const amount = poolAssetsOf(shares, pool.assets, pool.shares)
    const wasShort = pool.assets < pool.locked
    position.shares -= shares
    pool.shares -= shares
    pool.assets -= amount
    this.active -= amount
    this.tellBacked(at, provider, wasShort)
    return amount
  }

  /** What of a slash is the provider's own loss. */
  private ownLoss(provider: string, active: bigint, exiting: bigint): bigint {
    const { shares, exitShares, ownExitShares } = this.pool(provider)
    const own = this.positions.get(key(provider, provider))?.shares ?? 0n
    return poolLossOf(own, active, shares) + poolLossOf(ownExitShares, exiting, exitShares)
  }

  /** What slashes took of a pool lately and hasn't worn off, of `WHOLE`. */
  private slashedPartOf(at: number, provider: string): bigint {
    const { slashedPart, slashedAt } = this.pool(provider)
    const worn = (BigInt(at - slashedAt) * MAX_SLASH) / SLASH_PERIOD_SECONDS
    return slashedPart > worn ? slashedPart - worn : 0n
  }

  private takeExit(id: bigint): Exit & { amount: bigint } {
    const exit = this.exits.get(id)
    if (!exit) throw new Error(`there is no exit ${id}`)
    const pool = this.pool(exit.provider)
    const amount = poolAssetsOf(exit.shares, pool.exitAssets, pool.exitShares)
    pool.exitShares -= exit.shares
    if (exit.account === exit.provider) pool.ownExitShares -= exit.shares
    pool.exitAssets -= amount
    this.exits.delete(id)
    return { ...exit, amount }
  }

  private accrue(provider: string, account: string): Position {
    const { rewardPerShare } = this.pool(provider)
    let position = this.positions.get(key(provider, account))
    if (!position) {
      position = { shares: 0n, owed: 0n, paidPerShare: 0n }
      this.positions.set(key(provider, account), position)
    }
    position.owed += (position.shares * (rewardPerShare - position.paidPerShare)) / REWARD_PRECISION
    position.paidPerShare = rewardPerShare
    return position
  }

  private sync(at: number): void {
    if (at <= this.syncedAt) return
    const reward = emittedForStake(at - this.start) - emittedForStake(this.syncedAt - this.start)
    if (this.active < MIN_ACTIVE) this.unearned += reward
    else this.perAsset += (reward * ASSET_PRECISION) / this.active
    this.syncedAt = at
  }

  private tellBacked(at: number, provider: string, wasShort: boolean): void {
    const { assets, locked } = this.pool(provider)
    if (wasShort !== assets < locked) this.weights.setBacked(at, provider, wasShort)
  }

  private mint(account: string, amount: bigint): void {
    this.minted += amount
    this.pay(account, amount)
  }

  private pay(account: string, amount: bigint): void {
    this.balances.set(account, (this.balances.get(account) ?? 0n) + amount)
  }

  private worker(worker: string): WorkerState {
    const state = this.workers.get(worker)
    if (!state) throw new Error(`there is no worker ${worker}`)
    return state
  }

  private pool(provider: string): Pool {
    let pool = this.pools.get(provider)
    if (!pool) {
      pool = {
        assets: 0n,
        shares: 0n,
        exitAssets: 0n,
        exitShares: 0n,
        ownExitShares: 0n,
        commissionBps: 0n,
        nextCommissionBps: 0n,
        nextCommissionFrom: 0,
        paidPerAsset: 0n,
        locked: 0n,
        slashedPart: 0n,
        slashedAt: 0,
        rewardPerShare: 0n,
        providerOwed: 0n,
      }
      this.pools.set(provider, pool)
    }
    return pool
  }
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function key(provider: string, account: string): string {
  return `${provider} ${account}`
}
