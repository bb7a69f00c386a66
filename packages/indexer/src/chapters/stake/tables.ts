import { bigint, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { amount, seconds } from '../../database/columns.ts'

/** One per provider that somebody has staked for. Amounts as in Stake.sol. */
export const pool = pgTable('pool', {
  provider: text().primaryKey(),
  assets: amount('assets').notNull(),
  shares: amount('shares').notNull(),
  exitAssets: amount('exit_assets').notNull(),
  exitShares: amount('exit_shares').notNull(),
  locked: amount('locked').notNull(),
  commissionBps: integer('commission_bps').notNull(),
  nextCommissionBps: integer('next_commission_bps'),
  nextCommissionFrom: seconds('next_commission_from'),
  /** Shared out so far per share, times 10^27, in all, and kept by the provider. */
  perShare: amount('per_share').notNull(),
  rewarded: amount('rewarded').notNull(),
  kept: amount('kept').notNull(),
  slashed: amount('slashed').notNull(),
  since: seconds('since').notNull(),
})

export const delegation = pgTable(
  'delegation',
  {
    /** Provider and account. */
    key: text().primaryKey(),
    provider: text().notNull(),
    account: text().notNull(),
    shares: amount('shares').notNull(),
    delegated: amount('delegated').notNull(),
    claimed: amount('claimed').notNull(),
    since: seconds('since').notNull(),
  },
  (table) => [index('delegation_provider').on(table.provider), index('delegation_account').on(table.account)],
)

export const stakeExit = pgTable(
  'stake_exit',
  {
    id: text().primaryKey(),
    provider: text().notNull(),
    account: text().notNull(),
    amount: amount('amount').notNull(),
    exitShares: amount('exit_shares').notNull(),
    readyAt: seconds('ready_at').notNull(),
    state: text().notNull(),
  },
  (table) => [index('stake_exit_provider').on(table.provider), index('stake_exit_account').on(table.account)],
)

/** What a pool's GPUs weigh in an epoch. */
export const epochWeight = pgTable(
  'epoch_weight',
  {
    /** Provider and epoch. */
    key: text().primaryKey(),
    provider: text().notNull(),
    epoch: integer().notNull(),
    weight: integer().notNull(),
  },
  (table) => [index('epoch_weight_epoch').on(table.epoch), index('epoch_weight_provider').on(table.provider)],
)

/** Each time a pool was settled: what had been shared out by then per share, times 10^27. */
export const settlement = pgTable(
  'settlement',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    provider: text().notNull(),
    perShare: amount('per_share').notNull(),
    time: seconds('time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('settlement_provider').on(table.provider, table.time),
  ],
)

/** Rewards that were paid out. */
export const reward = pgTable(
  'reward',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    provider: text().notNull(),
    account: text().notNull(),
    amount: amount('amount').notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('reward_account').on(table.account),
    index('reward_provider').on(table.provider),
  ],
)

export const slash = pgTable(
  'slash',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    provider: text().notNull(),
    active: amount('active').notNull(),
    exiting: amount('exiting').notNull(),
    reporter: text(),
    reward: amount('reward').notNull(),
    reason: text().notNull(),
    offence: text(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('slash_provider').on(table.provider),
  ],
)
