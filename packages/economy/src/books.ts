import type { EMISSION_ABI, STAKE_ABI } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Address, ParseEventLogsReturnType } from 'viem'
import { emittedForStake, gpuBudgetOf } from './schedule.ts'
import { poolAssetsOf, poolLossOf, REWARD_PRECISION } from './shares.ts'

/** Finer than the contract's 2^96, so that only the contract's rounding shows. */
const FINE = 2n ** 160n
const MIN_ACTIVE = 10n ** 18n

type EventOf<abi extends typeof STAKE_ABI | typeof EMISSION_ABI> = ParseEventLogsReturnType<
  abi,
  undefined,
  true
>[number]

/** An event of Stake or Emission, and when its block was, Unix seconds. */
export type StakeEvent = (EventOf<typeof STAKE_ABI> | EventOf<typeof EMISSION_ABI>) & { time: number }

/** One thing that was recomputed. */
export interface BookCheck {
  what: string
  /** How many figures. */
  figures: number
  /** What didn't agree, the first ones. */
  wrong: string[]
}

export interface Pool {
  assets: bigint
  shares: bigint
  exitAssets: bigint
  exitShares: bigint
  /** Exit shares that are the provider's own. */
  ownExitShares: bigint
  perShare: bigint
  providerOwed: bigint
  /** `perAsset` up to which its stake's rewards are reckoned. */
  paidPerAsset: bigint
}

interface Exit {
  provider: Address
  account: Address
  shares: bigint
}

export interface Position {
  shares: bigint
  paid: bigint
  owed: bigint
}

/**
 * The books of stake and emission, kept by events alone: what they come to, and what in them doesn't agree.
 */
export class StakeBooks {
  readonly pools = new Map<Address, Pool>()
  readonly positions = new Map<string, Position>()
  private readonly exits = new Map<bigint, Exit>()
  readonly checks = new Map<string, BookCheck>()
  paid = 0n
  private readonly start: number
  private readonly weights = new Map<string, number>()
  private readonly totals = new Map<number, number>()
  private active = 0n
  private perAsset = 0n
  private syncedAt: number
  private steps = 0n

  constructor(start: number) {
    this.start = start
    this.syncedAt = start
  }

  take(logs: readonly StakeEvent[]): void {
    for (const log of logs) this.apply(log)
  }

  equal(what: string, figure: string, found: bigint, expected: bigint): void {
    this.note(
      what,
      found === expected ? undefined : `${figure}: the chain has ${found}, its events make ${expected}`,
    )
  }

  atMost(what: string, figure: string, found: bigint, most: bigint): void {
    this.note(what, found <= most ? undefined : `${figure}: ${found} is more than ${most}`)
  }

  worthOf(provider: Address, { shares }: Position): bigint {
    const { assets, shares: all } = this.pool(provider)
    return poolAssetsOf(shares, assets, all)
  }

  rewardsOf(provider: Address, account: Address, { shares, paid, owed }: Position): bigint {
    const pool = this.pool(provider)
    return (
      owed +
      (shares * (pool.perShare - paid)) / REWARD_PRECISION +
      (account === provider ? pool.providerOwed : 0n)
    )
  }

  private apply(log: StakeEvent): void {
    // What all stake earned until now was earned by the stake that was there.
    this.sync(log.time)
    switch (log.eventName) {
      case 'PoolRewarded':
        return this.reward(log.args)
      case 'Delegated': {
        const { provider, account, amount, shares } = log.args
        const pool = this.pool(provider)
        this.position(provider, account).shares += shares
        pool.assets += amount
        pool.shares += shares
        this.active += amount
        return
      }
      case 'ExitRequested': {
        const { id, provider, account, amount, shares, exitShares } = log.args
        this.leave(provider, account, amount, shares)
        this.exits.set(id, { provider, account, shares: exitShares })
        this.moveExit({ provider, account, shares: exitShares }, amount, 1n)
        return
      }
      case 'Redelegated':
        return this.leave(log.args.from, log.args.account, log.args.amount, log.args.shares)
      case 'ExitCancelled':
      case 'ExitWithdrawn':
        this.moveExit(this.exits.get(log.args.id), log.args.amount, -1n)
        this.exits.delete(log.args.id)
        return
      case 'Slashed': {
        const { provider, active, exiting, reward } = log.args
        const pool = this.pool(provider)
        this.atMost(
          'slashes',
          `slash of ${provider}`,
          active + exiting,
          (pool.assets + pool.exitAssets) / 10n,
        )
        const { shares: own } = this.position(provider, provider)
        const lost =
          poolLossOf(own, active, pool.shares) + poolLossOf(pool.ownExitShares, exiting, pool.exitShares)
        this.atMost('slashes', `what reporting ${provider} brought`, reward, lost / 2n)
        pool.assets -= active
        pool.exitAssets -= exiting
        this.active -= active
        return
      }
      case 'RewardClaimed': {
        const { provider, account, amount } = log.args
        const position = this.position(provider, account)
        const expected = this.rewardsOf(provider, account, position)
        this.equal('claims', `claim of ${account} in ${provider}`, amount, expected)
        position.owed = 0n
        if (account === provider) this.pool(provider).providerOwed = 0n
        return
      }
      case 'Counted':
        return this.weigh(log.args, 1)
      case 'Uncounted':
        return this.weigh(log.args, -1)
      case 'GpusRewarded': {
        const { provider, from, to, amount } = log.args
        let expected = 0n
        for (let epoch = Number(from); epoch < Number(to); epoch++) {
          const weight = this.weights.get(`${provider} ${epoch}`) ?? 0
          if (weight > 0)
            expected += (gpuBudgetOf(epoch) * BigInt(weight)) / BigInt(this.totals.get(epoch) ?? 1)
        }
        return this.equal('GPU rewards', `GPUs of ${provider} in hours ${from} to ${to}`, amount, expected)
      }
      case 'Paid':
        this.paid += log.args.amount
        return
      default:
    }
  }

  private reward({
    provider,
    stakeReward,
    commission,
    gpuReward,
    providerPart,
  }: Record<'stakeReward' | 'commission' | 'gpuReward' | 'providerPart', bigint> & {
    provider: Address
  }): void {
    const pool = this.pool(provider)
    const expected = (pool.assets * (this.perAsset - pool.paidPerAsset)) / FINE
    // The contract rounds down once a step in time, by less than a unit a pool, and once here.
    const off = expected - stakeReward
    this.note(
      'stake rewards',
      off >= 0n && off <= this.steps + 1n
        ? undefined
        : `stake of ${provider} earned ${stakeReward}, its events make ${expected}`,
    )
    pool.paidPerAsset = this.perAsset
    pool.providerOwed += commission + providerPart
    const shared = stakeReward - commission + gpuReward - providerPart
    if (shared > 0n) pool.perShare += (shared * REWARD_PRECISION) / pool.shares
  }

  private weigh(
    { provider, from, to, weight }: { provider: Address; from: bigint; to: bigint; weight: bigint },
    sign: 1 | -1,
  ): void {
    for (let epoch = Number(from); epoch < Number(to); epoch++) {
      const key = `${provider} ${epoch}`
      this.weights.set(key, (this.weights.get(key) ?? 0) + sign * Number(weight))
      this.totals.set(epoch, (this.totals.get(epoch) ?? 0) + sign * Number(weight))
    }
  }

  private leave(provider: Address, account: Address, amount: bigint, shares: bigint): void {
    const pool = this.pool(provider)
    this.position(provider, account).shares -= shares
    pool.assets -= amount
    pool.shares -= shares
    this.active -= amount
  }

  private moveExit(exit: Exit | undefined, amount: bigint, sign: 1n | -1n): void {
    if (!exit)
      throw new CloisterError(
        'bad-answer',
        'The chain tells of the end of an exit, and not of its beginning.',
      )
    const pool = this.pool(exit.provider)
    pool.exitAssets += sign * amount
    pool.exitShares += sign * exit.shares
    if (exit.account === exit.provider) pool.ownExitShares += sign * exit.shares
  }

  private sync(time: number): void {
    if (time <= this.syncedAt) return
    const reward = emittedForStake(time - this.start) - emittedForStake(this.syncedAt - this.start)
    if (this.active >= MIN_ACTIVE) this.perAsset += (reward * FINE) / this.active
    this.syncedAt = time
    this.steps++
  }

  /** Brought up to date, as the contract does before a position changes. */
  private position(provider: Address, account: Address): Position {
    const { perShare } = this.pool(provider)
    const key = `${provider} ${account}`
    const position = this.positions.get(key) ?? { shares: 0n, paid: perShare, owed: 0n }
    position.owed += (position.shares * (perShare - position.paid)) / REWARD_PRECISION
    position.paid = perShare
    this.positions.set(key, position)
    return position
  }

  private pool(provider: Address): Pool {
    const found = this.pools.get(provider) ?? {
      assets: 0n,
      shares: 0n,
      exitAssets: 0n,
      exitShares: 0n,
      ownExitShares: 0n,
      perShare: 0n,
      providerOwed: 0n,
      paidPerAsset: this.perAsset,
    }
    this.pools.set(provider, found)
    return found
  }

  private note(what: string, wrong: string | undefined): void {
    const check = this.checks.get(what) ?? { what, figures: 0, wrong: [] }
    check.figures++
    if (wrong !== undefined && check.wrong.length < 20) check.wrong.push(wrong)
    this.checks.set(what, check)
  }
}
