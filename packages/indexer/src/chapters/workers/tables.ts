import { bigint, boolean, index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { seconds } from '../../database/columns.ts'

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
    measurement: text(),
    tlsKeyHash: text('tls_key_hash'),
    attestedAt: seconds('attested_at'),
    /** GPUs that verifiers vouched for. */
    confirmedGpuClass: text('confirmed_gpu_class'),
    confirmedGpus: integer('confirmed_gpus'),
    confirmedUntil: seconds('confirmed_until'),
  },
  (table) => [index('worker_provider').on(table.provider)],
)
