import { onchainTable } from 'ponder'

export const lease = onchainTable('lease', (t) => ({
  id: t.hex().primaryKey(),
  tenant: t.hex().notNull(),
  worker: t.hex().notNull(),
  provider: t.hex().notNull(),
  open: t.boolean().notNull(),
  deposit: t.bigint().notNull(),
  spent: t.bigint().notNull(),
  fee: t.bigint().notNull(),
  refund: t.bigint().notNull(),
}))

export const worker = onchainTable('worker', (t) => ({
  address: t.hex().primaryKey(),
  provider: t.hex().notNull(),
  coveredUntil: t.bigint().notNull(),
}))
