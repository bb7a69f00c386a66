import { REWARD_PRECISION } from '@cloister/economy'
import { type Address, zeroAddress } from 'viem'
import { entity, type Handler, log, type Need, on, type RowOf, type Subject } from '../../engine/chapter.ts'
import type { ChainEvent } from '../../engine/contract.ts'
import type { Rows } from '../../engine/rows.ts'
import { EMISSION, SLASHING, STAKE } from './contracts.ts'
import { delegation, epochWeight, pool, reward, settlement, slash, stakeExit } from './tables.ts'

type PoolRow = RowOf<typeof pool>

const OFFENCES = ['receipts', 'bids', 'refusal', 'overcharge']

const POOL_KIND = 'pool'

const pools = entity(pool, { key: 'provider', subject: POOL_KIND, column: pool.provider })
const delegations = entity(delegation, { key: 'key', subject: POOL_KIND, column: delegation.provider })
const exits = entity(stakeExit, { key: 'id', subject: POOL_KIND, column: stakeExit.provider })
const weights = entity(epochWeight, { key: 'key', subject: POOL_KIND, column: epochWeight.provider })
const settlements = log(settlement)
const rewards = log(reward)
const slashes = log(slash)

export const stakeEntities = [pools, delegations, exits, weights]
export const stakeLogs = [settlements, rewards, slashes]

const onStake = on(STAKE, POOL_KIND)
const onEmission = on(EMISSION, POOL_KIND)

type OfPool = ChainEvent<string, { provider: Address }>
type OfHolder = ChainEvent<string, { provider: Address; account: Address }>
type OfExit = ChainEvent<string, { provider: Address; account: Address; id: bigint }>

const itsPool = ({ args }: OfPool): Need[] => [[pools, args.provider]]
const itsHolder = (event: OfHolder): Need[] => [
  ...itsPool(event),
  [delegations, keyOf(event.args.provider, event.args.account)],
]
const itsExit = (event: OfExit): Need[] => [...itsHolder(event), [exits, String(event.args.id)]]

const countings = (['Counted', 'Uncounted'] as const).map((name) =>
  onEmission(
    name,
    (event) => [
      ...itsPool(event),
      ...epochsOf(event.args).map((epoch): Need => [weights, keyOf(event.args.provider, epoch)]),
    ],
    ({ args, time }, rows) => {
      const { provider } = args
      rows.put(pools, poolOf(rows, provider, time))
      for (const epoch of epochsOf(args)) {
        const key = keyOf(provider, epoch)
        const before = rows.get(weights, key)?.weight ?? 0
        const weight = before + Number(args.weight) * (name === 'Counted' ? 1 : -1)
        rows.put(weights, { key, provider, epoch, weight })
      }
    },
  ),
)

/**
 * What becomes of a pool and what is in it. Anybody's event about a provider makes a pool, if an empty one.
 */
const poolHandlers: Handler[] = [
  onStake('Delegated', itsHolder, ({ args, time }, rows) => {
    const { provider, account, amount, shares } = args
    const found = poolOf(rows, provider, time)
    rows.put(pools, { ...found, assets: found.assets + amount, shares: found.shares + shares })
    const held = delegationOf(rows, provider, account, time)
    rows.put(delegations, { ...held, shares: held.shares + shares, delegated: held.delegated + amount })
  }),
  onStake('ExitRequested', itsExit, ({ args, time }, rows) => {
    const { id, provider, account, amount, exitShares, readyAt } = args
    leave(rows, { ...args, time })
    rows.change(pools, provider, (found) => ({
      exitAssets: found.exitAssets + amount,
      exitShares: found.exitShares + exitShares,
    }))
    rows.put(exits, {
      id: String(id),
      provider,
      account,
      amount,
      exitShares,
      readyAt: Number(readyAt),
      state: 'waiting',
    })
  }),
  onStake(
    'Redelegated',
    ({ args }) => [
      [pools, args.from],
      [delegations, keyOf(args.from, args.account)],
    ],
    ({ args, time }, rows) => leave(rows, { ...args, provider: args.from, time }),
  ),
  onStake('ExitCancelled', itsExit, ({ args, time }, rows) => {
    const { provider, account, amount } = args
    endExit(rows, args, 'cancelled')
    // It was stake before; the event before this one added it as if it were new.
    const held = delegationOf(rows, provider, account, time)
    rows.put(delegations, { ...held, delegated: held.delegated - amount })
  }),
  onStake('ExitWithdrawn', itsExit, ({ args }, rows) => endExit(rows, args, 'withdrawn')),
  onStake('PoolRewarded', itsPool, ({ args, time, block, logIndex }, rows) => {
    const { provider, stakeReward, commission, gpuReward, providerPart } = args
    const found = poolOf(rows, provider, time)
    const kept = commission + providerPart
    const shared = stakeReward + gpuReward - kept
    const each = shared > 0n && found.shares > 0n ? (shared * REWARD_PRECISION) / found.shares : 0n
    const perShare = found.perShare + each
    const isDue = found.nextCommissionFrom !== null && found.nextCommissionFrom <= time
    rows.put(pools, {
      ...found,
      perShare,
      rewarded: found.rewarded + shared,
      kept: found.kept + kept,
      ...(isDue && found.nextCommissionBps !== null && commissionNow(found.nextCommissionBps)),
    })
    rows.add(settlements, { block, logIndex, provider, perShare, time })
  }),
  onStake('RewardClaimed', itsHolder, ({ args, time, block, logIndex, transaction }, rows) => {
    const { provider, account, amount } = args
    rows.put(pools, poolOf(rows, provider, time))
    const held = delegationOf(rows, provider, account, time)
    rows.put(delegations, { ...held, claimed: held.claimed + amount })
    rows.add(rewards, { block, logIndex, provider, account, amount, time, transaction })
  }),
  onStake('Slashed', itsPool, ({ args, time, block, logIndex, transaction }, rows) => {
    const { provider, active, exiting, reporter, reward: paid, reason } = args
    const found = poolOf(rows, provider, time)
    rows.put(pools, {
      ...found,
      assets: found.assets - active,
      exitAssets: found.exitAssets - exiting,
      slashed: found.slashed + active + exiting,
    })
    const by = reporter === zeroAddress ? null : reporter
    const place = { block, logIndex, time, transaction }
    rows.add(slashes, {
      ...place,
      provider,
      active,
      exiting,
      reporter: by,
      reward: paid,
      reason,
      offence: null,
    })
  }),
  onStake('CommissionSet', itsPool, ({ args, time }, rows) => {
    const [bps, from] = [Number(args.bps), Number(args.from)]
    rows.put(pools, {
      ...poolOf(rows, args.provider, time),
      ...(from <= time ? commissionNow(bps) : { nextCommissionBps: bps, nextCommissionFrom: from }),
    })
  }),
  onStake('CollateralSet', itsPool, ({ args, time }, rows) =>
    rows.put(pools, { ...poolOf(rows, args.provider, time), locked: args.locked }),
  ),
  ...countings,
]

/** What was proven is told by the event after the slash. */
const reported = on(SLASHING)(
  'Reported',
  () => [],
  ({ args, transaction }, rows) => {
    const slashed = rows.added(slashes).findLast((one) => one.transaction === transaction)
    if (slashed) slashed.offence = OFFENCES[args.offence] ?? null
  },
)

export const stakeHandlers: Handler[] = [...poolHandlers, reported]

/** A pool, which events of its handlers name by its provider. */
export const POOL: Subject = {
  kind: POOL_KIND,
  argumentOf: (contract, { name: event, inputs }) => {
    if (!poolHandlers.some((one) => one.contract === contract && one.event === event)) return undefined
    return inputs.some(({ name }) => name === 'provider') ? 'provider' : 'from'
  },
}

function commissionNow(bps: number) {
  return { commissionBps: bps, nextCommissionBps: null, nextCommissionFrom: null }
}

/** Takes stake out of a pool and from whoever has it there. */
function leave(
  rows: Rows,
  of: { provider: Address; account: Address; amount: bigint; shares: bigint; time: number },
): void {
  const { provider, account, amount, shares, time } = of
  const found = poolOf(rows, provider, time)
  rows.put(pools, { ...found, assets: found.assets - amount, shares: found.shares - shares })
  const held = delegationOf(rows, provider, account, time)
  rows.put(delegations, { ...held, shares: held.shares - shares })
}

function endExit(
  rows: Rows,
  { id, provider, amount }: { id: bigint; provider: Address; amount: bigint },
  state: 'cancelled' | 'withdrawn',
): void {
  const { exitShares } = rows.change(exits, String(id), () => ({ state }))
  rows.change(pools, provider, (found) => ({
    exitAssets: found.exitAssets - amount,
    exitShares: found.exitShares - exitShares,
  }))
}

/** A provider's pool, empty from `time` on where there was none. */
function poolOf(rows: Rows, provider: Address, time: number): PoolRow {
  const empty = {
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
  return rows.get(pools, provider) ?? { provider, ...empty, ...commissionNow(0), since: time }
}

function delegationOf(rows: Rows, provider: Address, account: Address, time: number) {
  const key = keyOf(provider, account)
  const none = { shares: 0n, delegated: 0n, claimed: 0n }
  return rows.get(delegations, key) ?? { key, provider, account, ...none, since: time }
}

function keyOf(provider: Address, of: Address | number): string {
  return `${provider} ${of}`
}

function epochsOf({ from, to }: { from: bigint; to: bigint }): number[] {
  return Array.from({ length: Number(to - from) }, (_, index) => Number(from) + index)
}
