import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm'
import { GOVERNANCE_EVENTS } from '../chapters/governance/events.ts'
import {
  type EventRow,
  foldLease,
  foldWorker,
  type LeaseRow,
  type PaymentRow,
  paymentsOf,
  type WorkerRow,
} from '../chapters/leases/fold.ts'
import { PoolFold } from '../chapters/stake/fold.ts'
import { insertRows } from '../database/insert.ts'
import type { Database } from '../database/open.ts'
import {
  checkpoint,
  delegation,
  epochWeight,
  event,
  governance,
  lease,
  payment,
  pool,
  progress,
  reward,
  settlement,
  slash,
  stakeExit,
  worker,
} from '../database/schema.ts'
import type { BlockMark, ReadRow } from './read.ts'

const ROWS_AT_ONCE = 1_000

/** Which leases and workers a write changed. */
export interface Changed {
  leases: string[]
  workers: string[]
}

/**
 * Writes a span of events, what folds from them, and how far reading has come, all or nothing. `blocks` are
 * those with events and, last, the one that reading has come to. Of those below `keepFrom` every thousandth
 * is remembered.
 */
export async function writeSpan(
  database: Database,
  rows: ReadRow[],
  blocks: BlockMark[],
  keepFrom: number,
): Promise<Changed> {
  return database.transaction(async (tx) => {
    const ids = distinct(rows.map((row) => row.lease))
    const addresses = distinct(rows.filter((row) => isWorkerEvent(row.name)).map((row) => row.worker))
    // What is opened in this very span can't be in the table.
    const opened = new Set(rows.filter((row) => row.name === 'LeaseOpened').map((row) => row.lease))
    const older = ids.filter((id) => !opened.has(id))
    const leases = new Map(
      (await inChunks(older, (some) => tx.select().from(lease).where(inArray(lease.id, some)))).map((row) => [
        row.id,
        row,
      ]),
    )
    const workers = new Map(
      (
        await inChunks(addresses, (some) => tx.select().from(worker).where(inArray(worker.address, some)))
      ).map((row) => [row.address, row]),
    )
    const payments: PaymentRow[] = []
    for (const row of rows) {
      fold(leases, row.lease, row, foldLease)
      if (isWorkerEvent(row.name)) fold(workers, row.worker, row, foldWorker)
      payments.push(...paymentsOf(row, leases.get(row.lease ?? '')))
    }
    const pools = await foldPools(tx, rows)
    await insertRows(tx, event, rows)
    await insertRows(
      tx,
      governance,
      rows.filter(({ name }) => GOVERNANCE_EVENTS.has(name)),
    )
    await insertRows(tx, settlement, pools.settlements)
    await insertRows(tx, reward, pools.rewards)
    await insertRows(tx, slash, pools.slashes)
    await writePools(tx, pools)
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
    await insertRows(tx, checkpoint, blocks, 'block')
    // Checkpoints deeper than any reorganisation are thinned out to every thousandth block.
    await tx
      .delete(checkpoint)
      .where(
        and(
          sql`${checkpoint.block} < ${keepFrom}`,
          sql`${checkpoint.block} % 1000 <> 0`,
          sql`${checkpoint.block} <> ${blocks.at(-1)?.block ?? 0}`,
        ),
      )
    return {
      leases: ids,
      workers: distinct([...addresses, ...ids.map((id) => leases.get(id)?.worker ?? null)]),
    }
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
    const providers = distinct(
      (
        await tx
          .selectDistinct({ id: event.pool })
          .from(event)
          .where(and(gt(event.block, block), isNotNull(event.pool)))
      ).map((row) => row.id),
    )
    await tx.delete(event).where(gt(event.block, block))
    for (const table of [settlement, reward, slash, governance])
      await tx.delete(table).where(gt(table.block, block))
    await tx.delete(payment).where(gt(payment.block, block))
    await tx.delete(checkpoint).where(gt(checkpoint.block, block))
    const leases = new Map<string, LeaseRow>()
    const workers = new Map<string, WorkerRow>()
    for (const row of await inChunks(ids, (some) =>
      tx
        .select()
        .from(event)
        .where(inArray(event.lease, some))
        .orderBy(asc(event.block), asc(event.logIndex)),
    ))
      fold(leases, row.lease, row, foldLease)
    for (const row of await inChunks(addresses, (some) =>
      tx
        .select()
        .from(event)
        .where(inArray(event.worker, some))
        .orderBy(asc(event.block), asc(event.logIndex)),
    ))
      if (isWorkerEvent(row.name)) fold(workers, row.worker, row, foldWorker)
    for (const some of chunks(ids)) await tx.delete(lease).where(inArray(lease.id, some))
    for (const some of chunks(addresses)) await tx.delete(worker).where(inArray(worker.address, some))
    await insertRows(tx, lease, [...leases.values()], 'id')
    await insertRows(tx, worker, [...workers.values()], 'address')
    const pools = new PoolFold()
    for (const some of chunks(providers)) {
      for (const row of await tx
        .select()
        .from(event)
        .where(inArray(event.pool, some))
        .orderBy(asc(event.block), asc(event.logIndex)))
        pools.apply(row)
      for (const table of [pool, delegation, stakeExit, epochWeight])
        await tx.delete(table).where(inArray(table.provider, some))
    }
    await writePools(tx, pools)
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
    for (const table of [
      event,
      payment,
      lease,
      worker,
      pool,
      delegation,
      stakeExit,
      epochWeight,
      settlement,
      reward,
      slash,
      governance,
      checkpoint,
      progress,
    ])
      await tx.delete(table)
    await tx.insert(progress).values({ key: 'identity', value: identity })
  })
}

type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]

/** Pools and what is in them, after these events. */
async function foldPools(tx: Transaction, rows: EventRow[]): Promise<PoolFold> {
  const fold = new PoolFold()
  const touched = rows.filter((row) => row.pool !== null)
  if (touched.length === 0) return fold
  const named = (name: string) =>
    distinct(touched.map(({ args }) => (args[name] === undefined ? null : String(args[name]))))
  const providers = distinct(touched.map((row) => row.pool))
  const held = distinct(
    touched.map(({ pool: provider, args }) =>
      args['account'] === undefined ? null : `${provider} ${args['account']}`,
    ),
  )
  const counted = touched.filter(({ name }) => name === 'Counted' || name === 'Uncounted')
  const weights = distinct(
    counted.flatMap(({ pool: provider, args }) => {
      const [from, to] = [Number(args['from']), Number(args['to'])]
      return Array.from({ length: to - from }, (_, index) => `${provider} ${from + index}`)
    }),
  )
  for (const row of await inChunks(providers, (some) =>
    tx.select().from(pool).where(inArray(pool.provider, some)),
  ))
    fold.pools.set(row.provider, row)
  for (const row of await inChunks(held, (some) =>
    tx.select().from(delegation).where(inArray(delegation.key, some)),
  ))
    fold.delegations.set(row.key, row)
  for (const row of await inChunks(named('id'), (some) =>
    tx.select().from(stakeExit).where(inArray(stakeExit.id, some)),
  ))
    fold.exits.set(row.id, row)
  for (const row of await inChunks(weights, (some) =>
    tx.select().from(epochWeight).where(inArray(epochWeight.key, some)),
  ))
    fold.weights.set(row.key, row)
  for (const row of rows) fold.apply(row)
  return fold
}

async function writePools(tx: Transaction, { pools, delegations, exits, weights }: PoolFold): Promise<void> {
  await insertRows(tx, pool, [...pools.values()], 'provider')
  await insertRows(tx, delegation, [...delegations.values()], 'key')
  await insertRows(tx, stakeExit, [...exits.values()], 'id')
  await insertRows(tx, epochWeight, [...weights.values()], 'key')
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

function fold<Row>(
  rows: Map<string, Row>,
  key: string | null,
  row: EventRow,
  step: (before: Row | undefined, row: EventRow) => Row | undefined,
): void {
  if (key === null) return
  const after = step(rows.get(key), row)
  if (after) rows.set(key, after)
}

function chunks<T>(items: T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ROWS_AT_ONCE) }, (_, i) =>
    items.slice(i * ROWS_AT_ONCE, (i + 1) * ROWS_AT_ONCE),
  )
}

async function inChunks<T, R>(items: T[], select: (some: T[]) => Promise<R[]>): Promise<R[]> {
  const found: R[] = []
  for (const some of chunks(items)) found.push(...(await select(some)))
  return found
}

function distinct(values: (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))]
}
