import { REWARD_PRECISION } from '@cloister/economy'
import { zeroAddress } from 'viem'
import type {
  delegation,
  epochWeight,
  pool,
  reward,
  settlement,
  slash,
  stakeExit,
} from '../../database/schema.ts'
import type { EventRow } from '../leases/fold.ts'

export type PoolRow = typeof pool.$inferSelect
export type DelegationRow = typeof delegation.$inferSelect
export type ExitRow = typeof stakeExit.$inferSelect
export type WeightRow = typeof epochWeight.$inferSelect
export type SettlementRow = typeof settlement.$inferSelect
export type RewardRow = typeof reward.$inferSelect
export type SlashRow = typeof slash.$inferSelect

/** Events that are about a pool. */
export const POOL_EVENTS = new Set([
  'Delegated',
  'ExitRequested',
  'ExitCancelled',
  'ExitWithdrawn',
  'Redelegated',
  'PoolRewarded',
  'RewardClaimed',
  'Slashed',
  'CommissionSet',
  'CollateralSet',
  'Counted',
  'Uncounted',
])

/**
 * Pools and what is in them, folded from events in the order of the chain. Begin with what is known of those
 * the events touch.
 */
export class PoolFold {
  readonly pools = new Map<string, PoolRow>()
  readonly delegations = new Map<string, DelegationRow>()
  readonly exits = new Map<string, ExitRow>()
  readonly weights = new Map<string, WeightRow>()
  readonly settlements: SettlementRow[] = []
  readonly rewards: RewardRow[] = []
  readonly slashes: SlashRow[] = []

  apply(row: EventRow): void {
    if (row.name === 'Reported') this.nameOffence(row)
    if (row.pool === null) return
    const args = row.args as Record<string, string>
    const found = this.pool(row.pool, row.time)
    const number = (name: string) => BigInt(args[name] ?? 0)
    const account = args['account'] ?? ''
    const place = { block: row.block, logIndex: row.logIndex, provider: row.pool, time: row.time }
    switch (row.name) {
      case 'Delegated': {
        found.assets += number('amount')
        found.shares += number('shares')
        const held = this.delegation(row.pool, account, row.time)
        held.shares += number('shares')
        held.delegated += number('amount')
        return
      }
      case 'ExitRequested':
        this.leave(found, account, row)
        found.exitAssets += number('amount')
        found.exitShares += number('exitShares')
        this.exits.set(args['id'] ?? '', {
          id: args['id'] ?? '',
          provider: row.pool,
          account,
          amount: number('amount'),
          exitShares: number('exitShares'),
          readyAt: Number(args['readyAt']),
          state: 'waiting',
        })
        return
      case 'Redelegated':
        this.leave(found, account, row)
        return
      case 'ExitCancelled':
      case 'ExitWithdrawn': {
        const exit = this.exits.get(args['id'] ?? '')
        if (!exit) return
        found.exitAssets -= number('amount')
        found.exitShares -= exit.exitShares
        exit.state = row.name === 'ExitCancelled' ? 'cancelled' : 'withdrawn'
        // It was stake before; the event before this one added it as if it were new.
        if (row.name === 'ExitCancelled')
          this.delegation(row.pool, account, row.time).delegated -= number('amount')
        return
      }
      case 'PoolRewarded': {
        const kept = number('commission') + number('providerPart')
        const shared = number('stakeReward') + number('gpuReward') - kept
        if (shared > 0n && found.shares > 0n) found.perShare += (shared * REWARD_PRECISION) / found.shares
        found.rewarded += shared
        found.kept += kept
        if (found.nextCommissionFrom !== null && found.nextCommissionFrom <= row.time)
          Object.assign(found, {
            commissionBps: found.nextCommissionBps,
            nextCommissionBps: null,
            nextCommissionFrom: null,
          })
        this.settlements.push({ ...place, perShare: found.perShare })
        return
      }
      case 'RewardClaimed':
        this.delegation(row.pool, account, row.time).claimed += number('amount')
        this.rewards.push({ ...place, account, amount: number('amount'), transaction: row.transaction })
        return
      case 'Slashed': {
        found.assets -= number('active')
        found.exitAssets -= number('exiting')
        found.slashed += number('active') + number('exiting')
        this.slashes.push({
          ...place,
          active: number('active'),
          exiting: number('exiting'),
          reporter:
            args['reporter'] === undefined || args['reporter'] === zeroAddress ? null : args['reporter'],
          reward: number('reward'),
          reason: args['reason'] ?? '',
          offence: null,
          transaction: row.transaction,
        })
        return
      }
      case 'CommissionSet': {
        const bps = Number(args['bps'])
        const from = Number(args['from'])
        if (from <= row.time)
          Object.assign(found, { commissionBps: bps, nextCommissionBps: null, nextCommissionFrom: null })
        else Object.assign(found, { nextCommissionBps: bps, nextCommissionFrom: from })
        return
      }
      case 'CollateralSet':
        found.locked = number('locked')
        return
      default:
        this.weigh(row.pool, row)
    }
  }

  private weigh(provider: string, { name, args }: EventRow): void {
    const weight = Number(args['weight']) * (name === 'Counted' ? 1 : -1)
    for (let epoch = Number(args['from']); epoch < Number(args['to']); epoch++) {
      const key = `${provider} ${epoch}`
      const known = this.weights.get(key) ?? { key, provider, epoch, weight: 0 }
      this.weights.set(key, { ...known, weight: known.weight + weight })
    }
  }

  private leave(found: PoolRow, account: string, { args, time }: EventRow): void {
    const [amount, shares] = [BigInt(String(args['amount'])), BigInt(String(args['shares']))]
    found.assets -= amount
    found.shares -= shares
    this.delegation(found.provider, account, time).shares -= shares
  }

  /** What was proven is told by the event after the slash. */
  private nameOffence({ transaction, args }: EventRow): void {
    const slashed = this.slashes.findLast((one) => one.transaction === transaction)
    if (slashed) slashed.offence = ['receipts', 'bids', 'refusal'][Number(args['offence'])] ?? null
  }

  private pool(provider: string, time: number): PoolRow {
    let found = this.pools.get(provider)
    if (!found) {
      const none = {
        assets: 0n,
        shares: 0n,
        exitAssets: 0n,
        exitShares: 0n,
        locked: 0n,
        perShare: 0n,
        rewarded: 0n,
        kept: 0n,
        slashed: 0n,
      }
      found = {
        provider,
        ...none,
        commissionBps: 0,
        nextCommissionBps: null,
        nextCommissionFrom: null,
        since: time,
      }
      this.pools.set(provider, found)
    }
    return found
  }

  private delegation(provider: string, account: string, time: number): DelegationRow {
    const key = `${provider} ${account}`
    let found = this.delegations.get(key)
    if (!found) {
      found = { key, provider, account, shares: 0n, delegated: 0n, claimed: 0n, since: time }
      this.delegations.set(key, found)
    }
    return found
  }
}
