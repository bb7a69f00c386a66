import { bigint, boolean, index, integer, jsonb, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'

const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: 'bigint' })
const seconds = (name: string) => bigint(name, { mode: 'number' })

/** Which chain and contracts the rest is about, and how far reading has come. */
export const progress = pgTable('progress', {
  key: text().primaryKey(),
  value: text().notNull(),
})

/** Blocks up to which everything was read, with their hashes: where to go back to when the chain reorganises. */
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
    /** Big numbers as decimal strings. */
    args: jsonb().$type<Record<string, unknown>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.block, table.logIndex] }), index('event_lease').on(table.lease), index('event_worker').on(table.worker)],
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
