import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
} from 'drizzle-orm/pg-core'

const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: 'bigint' })
const seconds = (name: string) => bigint(name, { mode: 'number' })

/** Which chain and contracts the rest is about, and how far reading has come. */
export const progress = pgTable('progress', {
  key: text().primaryKey(),
  value: text().notNull(),
})

/**
 * Blocks up to which everything was read, with their hashes: where to go back to when the chain reorganises.
 */
export const checkpoint = pgTable('checkpoint', {
  block: bigint({ mode: 'number' }).primaryKey(),
  hash: text().notNull(),
})

/** Every event of the contracts, as it was. Everything below is folded from these rows. */
export const event = pgTable(
  'event',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
    name: text().notNull(),
    lease: text(),
    worker: text(),
    /** Provider of the pool it is about. */
    pool: text(),
    /** Big numbers as decimal strings. */
    args: jsonb().$type<Record<string, unknown>>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex] }),
    index('event_lease').on(table.lease),
    index('event_worker').on(table.worker),
    index('event_pool').on(table.pool),
  ],
)

export const lease = pgTable(
  'lease',
  {
    id: text().primaryKey(),
    shortId: text('short_id').notNull(),
    /** The name the tenant wished for; who has it is decided when asked. */
    wishedName: text('wished_name'),
    open: boolean().notNull(),
    refused: boolean().notNull(),
    tenant: text().notNull(),
    worker: text().notNull(),
    provider: text().notNull(),
    token: text().notNull(),
    ratePerSecond: amount('rate_per_second').notNull(),
    deposit: amount('deposit').notNull(),
    spent: amount('spent').notNull(),
    fee: amount('fee').notNull(),
    refund: amount('refund').notNull(),
    coveredSeconds: seconds('covered_seconds').notNull(),
    manifestHash: text('manifest_hash').notNull(),
    openedAt: seconds('opened_at').notNull(),
    openedBlock: bigint('opened_block', { mode: 'number' }).notNull(),
    openedLogIndex: integer('opened_log_index').notNull(),
    closedAt: seconds('closed_at'),
    noticeUntil: seconds('notice_until'),
    transaction: text().notNull(),
  },
  (table) => [
    index('lease_short_id').on(table.shortId),
    index('lease_name').on(table.wishedName),
    index('lease_tenant').on(table.tenant),
    index('lease_worker').on(table.worker),
    index('lease_provider').on(table.provider),
    index('lease_order').on(table.openedBlock, table.openedLogIndex),
  ],
)

export const worker = pgTable(
  'worker',
  {
    address: text().primaryKey(),
    provider: text().notNull(),
    endpoint: text().notNull(),
    cpuMilli: bigint('cpu_milli', { mode: 'number' }).notNull(),
    memoryMiB: bigint('memory_mib', { mode: 'number' }).notNull(),
    diskMiB: bigint('disk_mib', { mode: 'number' }).notNull(),
    gpus: integer().notNull(),
    gpuClass: text('gpu_class').notNull(),
    retired: boolean().notNull(),
    registeredAt: seconds('registered_at').notNull(),
    /** Covered seconds of all segments but the last. */
    coveredBefore: seconds('covered_before').notNull(),
    coveredFrom: seconds('covered_from').notNull(),
    coveredUntil: seconds('covered_until').notNull(),
    /** What the last accepted quote said. */
    platform: text(),
    image: text(),
    tlsKeyHash: text('tls_key_hash'),
    attestedAt: seconds('attested_at'),
    /** GPUs that verifiers vouched for. */
    confirmedGpuClass: text('confirmed_gpu_class'),
    confirmedGpus: integer('confirmed_gpus'),
    confirmedUntil: seconds('confirmed_until'),
  },
  (table) => [index('worker_provider').on(table.provider)],
)

export const payment = pgTable(
  'payment',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    /** One event can move money in two ways: an earning and its fee. */
    part: integer().notNull(),
    kind: text().notNull(),
    lease: text(),
    account: text().notNull(),
    token: text().notNull(),
    amount: amount('amount').notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.block, table.logIndex, table.part] }),
    index('payment_lease').on(table.lease),
    index('payment_account').on(table.account),
  ],
)

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

/**
 * Events by which governance acts or says that it will, few as they are. What became of each is reckoned
 * when it is asked.
 */
export const governance = pgTable(
  'governance',
  {
    block: bigint({ mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    /** Which contract's, in lower case: several have events of one name. */
    contract: text().notNull(),
    name: text().notNull(),
    args: jsonb().$type<Record<string, unknown>>().notNull(),
    time: seconds('time').notNull(),
    transaction: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.block, table.logIndex] })],
)
