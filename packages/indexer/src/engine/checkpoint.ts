import { and, desc, eq, sql } from 'drizzle-orm'
import { insertRows } from '../database/insert.ts'
import type { Database, Transaction } from '../database/open.ts'
import type { Plan } from './plan.ts'
import type { BlockMark } from './read.ts'
import { checkpoint, event, progress, subject } from './tables.ts'

type Counter = 'events' | 'reorganisations'

/** The highest block that reading has come to. */
export async function lastCheckpoint(database: Database): Promise<BlockMark | undefined> {
  const [last] = await database.select().from(checkpoint).orderBy(desc(checkpoint.block)).limit(1)
  return last
}

/**
 * Writes down blocks that were read, the last being where reading has come to. Of those below `keepFrom`
 * every thousandth is remembered: they are deeper than any reorganisation.
 */
export async function markBlocks(tx: Transaction, blocks: BlockMark[], keepFrom: number): Promise<void> {
  await insertRows(tx, checkpoint, blocks, 'block')
  await tx
    .delete(checkpoint)
    .where(
      and(
        sql`${checkpoint.block} < ${keepFrom}`,
        sql`${checkpoint.block} % 1000 <> 0`,
        sql`${checkpoint.block} <> ${blocks.at(-1)?.block ?? 0}`,
      ),
    )
}

/** Adds to a number that is kept beside the tables. */
export async function addTo(tx: Transaction, key: Counter, more: number): Promise<void> {
  await tx
    .insert(progress)
    .values({ key, value: String(more) })
    .onConflictDoUpdate({
      target: progress.key,
      set: { value: sql`(${progress.value}::bigint + ${more}::bigint)::text` },
    })
}

/** A number that is kept beside the tables. */
export async function readCounter(database: Database, key: Counter): Promise<number> {
  const [found] = await database.select().from(progress).where(eq(progress.key, key))
  return Number(found?.value ?? 0)
}

/** Empties all tables if they are about another chain, or other contracts and chapters. */
export async function claimFor(database: Database, plan: Plan, identity: string): Promise<void> {
  await database.transaction(async (tx) => {
    const [known] = await tx.select().from(progress).where(eq(progress.key, 'identity'))
    if (known?.value === identity) return
    for (const { table } of [...plan.entities, ...plan.logs, ...plan.totals]) await tx.delete(table)
    for (const table of [event, subject, checkpoint, progress]) await tx.delete(table)
    await tx.insert(progress).values({ key: 'identity', value: identity })
  })
}
