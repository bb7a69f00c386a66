import { and, asc, count, eq, gt, inArray, or, sql } from 'drizzle-orm'
import { chunks } from '../database/chunks.ts'
import type { Database, Transaction } from '../database/open.ts'
import { addTo } from './checkpoint.ts'
import type { Log } from './entity.ts'
import type { Plan } from './plan.ts'
import { Rows } from './rows.ts'
import { checkpoint, event, subject } from './tables.ts'
import { addDifferences } from './totals.ts'
import type { Changed } from './write.ts'

/** Takes back everything above a block and folds what it touched anew from the events that remain. */
export async function rewind(database: Database, plan: Plan, block: number): Promise<Changed> {
  return database.transaction(async (tx) => {
    // The index of subjects by block is of a kind that is read no other way.
    await tx.execute(sql`set local enable_bitmapscan = on`)
    const touched = Map.groupBy(
      await tx
        .selectDistinct({ kind: subject.kind, id: subject.id })
        .from(subject)
        .where(gt(subject.block, block)),
      ({ kind }) => kind,
    )
    const [gone] = await tx.select({ events: count() }).from(event).where(gt(event.block, block))
    await addTo(tx, 'events', -(gone?.events ?? 0))
    for (const table of [event, subject, checkpoint]) await tx.delete(table).where(gt(table.block, block))
    for (const log of plan.logs) await cutOff(tx, plan, log, block)
    const changed: Changed = new Map()
    for (const [kind, subjects] of touched) {
      const ids = subjects.map(({ id }) => id)
      changed.set(kind, new Set(ids))
      for (const some of chunks(ids)) await refold(tx, plan, kind, some)
    }
    await addTo(tx, 'reorganisations', 1)
    return changed
  })
}

/** Takes a log's rows above a block back, out of what they add up to as well. */
async function cutOff(tx: Transaction, { totals, network }: Plan, log: Log, block: number): Promise<void> {
  const isAbove = gt(log.block, block)
  const kept = totals.filter(({ of }) => of.table === log.table)
  if (kept.length > 0) {
    const gone = await tx.select().from(log.table).where(isAbove)
    for (const total of kept) await addDifferences(tx, total, network, gone, [])
  }
  await tx.delete(log.table).where(isAbove)
}

/** Makes the rows of subjects from nothing. */
async function refold(tx: Transaction, plan: Plan, kind: string, ids: string[]): Promise<void> {
  const entities = plan.entities.filter((entity) => entity.subject === kind)
  if (entities.length === 0) return
  const rows = new Rows({ isRefold: true })
  rows.folding = kind
  for (const entity of entities)
    for (const row of await tx.delete(entity.table).where(inArray(entity.column, ids)).returning())
      rows.drop(entity, row)
  const handled = plan.handlersOf(kind)
  const found = await tx
    .select({ event })
    .from(subject)
    .innerJoin(event, and(eq(event.block, subject.block), eq(event.logIndex, subject.logIndex)))
    .where(
      and(
        eq(subject.kind, kind),
        inArray(subject.id, ids),
        or(...handled.map((one) => and(eq(event.contract, one.contract), eq(event.name, one.event)))),
      ),
    )
    .orderBy(asc(event.block), asc(event.logIndex))
  for (const row of found) {
    const one = plan.revive(row.event)
    for (const handler of plan.of(one).handlers) if (handler.subject === kind) handler.apply(one, rows)
  }
  await rows.flush(tx, plan.totals, plan.network)
}
