import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm'
import { insertRows } from '../database/insert.ts'
import type { Database } from '../database/open.ts'
import { checkpoint, event, lease, payment, progress, worker } from '../database/schema.ts'
import { type EventRow, foldLease, foldWorker, type LeaseRow, type PaymentRow, paymentsOf, type WorkerRow } from './fold.ts'

const ROWS_AT_ONCE = 1_000

/** Which leases and workers a write changed. */
export interface Changed {
  leases: string[]
  workers: string[]
}

/** Writes a span of events, what folds from them, and how far reading has come, all or nothing. */
export async function writeSpan(database: Database, rows: EventRow[], upTo: { block: number; hash: string }, keepFrom: number): Promise<Changed> {
  return database.transaction(async (tx) => {
    const ids = distinct(rows.map((row) => row.lease))
    const addresses = distinct(rows.filter((row) => isWorkerEvent(row.name)).map((row) => row.worker))
    // What is opened in this very span can't be in the table.
    const opened = new Set(rows.filter((row) => row.name === 'LeaseOpened').map((row) => row.lease))
    const older = ids.filter((id) => !opened.has(id))
    const leases = new Map((await inChunks(older, (some) => tx.select().from(lease).where(inArray(lease.id, some)))).map((row) => [row.id, row]))
    const workers = new Map(
      (await inChunks(addresses, (some) => tx.select().from(worker).where(inArray(worker.address, some)))).map((row) => [row.address, row]),
    )
    const payments: PaymentRow[] = []
    for (const row of rows) {
      fold(leases, row.lease, row, foldLease)
      if (isWorkerEvent(row.name)) fold(workers, row.worker, row, foldWorker)
      payments.push(...paymentsOf(row, leases.get(row.lease ?? '')))
    }
    await insertRows(tx, event, rows)
    await insertRows(tx, payment, payments)
    await insertRows(
      tx,
      lease,
      ids.map((id) => leases.get(id)).filter((row) => row !== undefined),
      'id',
    )
    await insertRows(
      tx,
      worker,
      addresses.map((id) => workers.get(id)).filter((row) => row !== undefined),
      'address',
    )
    await tx
      .insert(checkpoint)
      .values(upTo)
      .onConflictDoUpdate({ target: checkpoint.block, set: { hash: upTo.hash } })
    // Checkpoints deeper than any reorganisation are thinned out to every thousandth block.
    await tx
      .delete(checkpoint)
      .where(and(sql`${checkpoint.block} < ${keepFrom}`, sql`${checkpoint.block} % 1000 <> 0`, sql`${checkpoint.block} <> ${upTo.block}`))
    return { leases: ids, workers: distinct([...addresses, ...ids.map((id) => leases.get(id)?.worker ?? null)]) }
  })
}

/** Takes back everything above a block and folds what it touched anew from the events that remain. */
export async function rewind(database: Database, block: number): Promise<Changed> {
  return database.transaction(async (tx) => {
    const ids = distinct(
      (
        await tx
          .selectDistinct({ id: event.lease })
          .from(event)
          .where(and(gt(event.block, block), isNotNull(event.lease)))
      ).map((row) => row.id),
    )
    const addresses = distinct(
      (
        await tx
          .selectDistinct({ id: event.worker })
          .from(event)
          .where(and(gt(event.block, block), isNotNull(event.worker)))
      ).map((row) => row.id),
    )
    await tx.delete(event).where(gt(event.block, block))
    await tx.delete(payment).where(gt(payment.block, block))
    await tx.delete(checkpoint).where(gt(checkpoint.block, block))
    const leases = new Map<string, LeaseRow>()
    const workers = new Map<string, WorkerRow>()
    for (const row of await inChunks(ids, (some) => tx.select().from(event).where(inArray(event.lease, some)).orderBy(asc(event.block), asc(event.logIndex))))
      fold(leases, row.lease, row, foldLease)
    for (const row of await inChunks(addresses, (some) =>
      tx.select().from(event).where(inArray(event.worker, some)).orderBy(asc(event.block), asc(event.logIndex)),
    ))
      if (isWorkerEvent(row.name)) fold(workers, row.worker, row, foldWorker)
    for (const some of chunks(ids)) await tx.delete(lease).where(inArray(lease.id, some))
    for (const some of chunks(addresses)) await tx.delete(worker).where(inArray(worker.address, some))
    await insertRows(tx, lease, [...leases.values()], 'id')
    await insertRows(tx, worker, [...workers.values()], 'address')
    await tx
      .insert(progress)
      .values({ key: 'reorganisations', value: '1' })
      .onConflictDoUpdate({ target: progress.key, set: { value: sql`(${progress.value}::int + 1)::text` } })
    return { leases: ids, workers: addresses }
  })
}

/** Empties all tables if they are about another chain or other contracts. */
export async function claimFor(database: Database, identity: string): Promise<void> {
  await database.transaction(async (tx) => {
    const known = await tx.select().from(progress).where(eq(progress.key, 'identity'))
    if (known[0]?.value === identity) return
    for (const table of [event, payment, lease, worker, checkpoint, progress]) await tx.delete(table)
    await tx.insert(progress).values({ key: 'identity', value: identity })
  })
}

function isWorkerEvent(name: string): boolean {
  return (
    name.startsWith('Worker') ||
    name === 'Attested' ||
    name === 'AttestedByVerdict' ||
    name === 'GpusConfirmed' ||
    name === 'Covered' ||
    name === 'CoverageEnded'
  )
}

function fold<Row>(rows: Map<string, Row>, key: string | null, row: EventRow, step: (before: Row | undefined, row: EventRow) => Row | undefined): void {
  if (key === null) return
  const after = step(rows.get(key), row)
  if (after) rows.set(key, after)
}

function chunks<T>(items: T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ROWS_AT_ONCE) }, (_, i) => items.slice(i * ROWS_AT_ONCE, (i + 1) * ROWS_AT_ONCE))
}

async function inChunks<T, R>(items: T[], select: (some: T[]) => Promise<R[]>): Promise<R[]> {
  const found: R[] = []
  for (const some of chunks(items)) found.push(...(await select(some)))
  return found
}

function distinct(values: (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))]
}
