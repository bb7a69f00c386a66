import type { Network } from '@cloister/chain'
import { loop, messageOf } from '@cloister/core'
import { and, asc, eq, gte, isNull, lte, max } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import type { Database } from '../../../database/open.ts'
import { worker } from '../../workers/tables.ts'
import { anchor, keptBatch, keptReceipt } from '../tables.ts'
import { type Anchored, checkBatch } from './check-batch.ts'
import { fetchBatch, type KnownWorker } from './fetch-batch.ts'

const EVERY_MS = 10_000
/** Batches that are asked for in one go. */
const AT_ONCE = 8
/** The first time to wait for a door that has no batch for us, which doubles up to the longest. */
const FIRST_WAIT_SECONDS = 15
const LONGEST_WAIT_SECONDS = 86_400
/** After a month of asking a batch is given up. */
const MOST_TRIES = 40
/** Rows in one statement. */
const ROWS = 100

/** Blocks: what was anchored so far below the newest comes to stand nowhere else. */
const DEEPEST_REORGANISATION = 1_000

/** What became of asking for an anchored batch. */
const OF_ANCHOR = and(
  eq(keptBatch.lease, anchor.lease),
  eq(keptBatch.era, anchor.era),
  eq(keptBatch.batch, anchor.batch),
  eq(keptBatch.root, anchor.root),
)

/** A batch that is to be asked for, of whom, and how often it was. */
interface Asking {
  anchor: typeof anchor.$inferSelect
  worker: typeof worker.$inferSelect
  tries: number
}

/** What a keeper is made of. */
export interface KeeperParts {
  database: Database
  network: Network
  warn: (message: string) => void
  /** Unix seconds. */
  now: () => number
  everyMs?: number
}

/**
 * Keeps the receipts of batches that workers anchored: asks the leases' doors for them, checks them against
 * the roots, and keeps them for when doors and workers are gone.
 */
export class ReceiptKeeper {
  private readonly parts: KeeperParts
  private readonly aborter = new AbortController()
  private running: Promise<void> | undefined
  /** All that was anchored in blocks before this one was asked for. */
  private from = 0

  constructor(parts: KeeperParts) {
    this.parts = parts
  }

  start(): void {
    const { signal } = this.aborter
    this.running = loop(signal, async () => {
      await this.step().catch((error) => this.parts.warn(`receipts can not be kept: ${messageOf(error)}`))
      return this.parts.everyMs ?? EVERY_MS
    })
  }

  async stop(): Promise<void> {
    this.aborter.abort()
    await this.running
  }

  /** Asks for batches that are new or due again, each at most once. */
  private async step(): Promise<void> {
    for (const batch of [...(await this.fresh()), ...(await this.due())]) {
      if (this.aborter.signal.aborted) return
      await this.keep(batch)
    }
  }

  /** Batches that were never asked for, the oldest first. */
  private async fresh(): Promise<Asking[]> {
    const { database } = this.parts
    const rows = await database
      .select({ anchor, worker })
      .from(anchor)
      .innerJoin(worker, eq(worker.address, anchor.worker))
      .leftJoin(keptBatch, OF_ANCHOR)
      .where(and(gte(anchor.block, this.from), isNull(keptBatch.lease)))
      .orderBy(asc(anchor.block), asc(anchor.logIndex))
      .limit(AT_ONCE)
    if (rows.length === 0) {
      const [newest] = await database.select({ block: max(anchor.block) }).from(anchor)
      this.from = Math.max(0, (newest?.block ?? 0) - DEEPEST_REORGANISATION)
    }
    return rows.map((row) => ({ ...row, tries: 0 }))
  }

  /** Batches that were not to be had when they were asked for last, and are to be asked for again. */
  private due(): Promise<Asking[]> {
    const { database, now } = this.parts
    return database
      .select({ anchor, worker, tries: keptBatch.tries })
      .from(keptBatch)
      .innerJoin(anchor, OF_ANCHOR)
      .innerJoin(worker, eq(worker.address, anchor.worker))
      .where(and(eq(keptBatch.kept, false), lte(keptBatch.nextAt, now()), lte(keptBatch.tries, MOST_TRIES)))
      .orderBy(asc(keptBatch.nextAt))
      .limit(AT_ONCE)
  }

  private async keep({ anchor: row, worker: known, tries }: Asking) {
    const { network, now } = this.parts
    // Rows hold what was decoded from events: hashes and addresses.
    const anchored: Anchored = {
      lease: row.lease as Hex,
      worker: row.worker as Address,
      era: row.era,
      index: Number(row.batch),
      count: Number(row.count),
      root: row.root as Hex,
    }
    const of: KnownWorker = {
      worker: anchored.worker,
      endpoint: known.endpoint,
      tlsKeyHash: (known.tlsKeyHash as Hex | null) ?? undefined,
    }
    try {
      const answer = await fetchBatch(network, of, anchored, this.aborter.signal)
      const ground = { chainId: network.chainId, workers: network.contracts.workers }
      const receipts = await checkBatch(answer, anchored, ground)
      const rows = receipts.map((receipt) => ({
        lease: row.lease,
        id: receipt.details.id,
        era: row.era,
        batch: row.batch,
        receipt: JSON.stringify(receipt),
        keptAt: now(),
      }))
      await this.write(row, { kept: true, tries, nextAt: 0 }, rows)
    } catch {
      if (this.aborter.signal.aborted) return
      // Who can't be asked now is asked later; what it is that fails, its operator sees.
      const wait = Math.min(FIRST_WAIT_SECONDS * 2 ** tries, LONGEST_WAIT_SECONDS)
      await this.write(row, { kept: false, tries: tries + 1, nextAt: now() + wait }, [])
    }
  }

  /** Receipts and what became of their batch, or neither. */
  private async write(
    { lease, era, batch, root }: typeof anchor.$inferSelect,
    outcome: { kept: boolean; tries: number; nextAt: number },
    receipts: (typeof keptReceipt.$inferInsert)[],
  ): Promise<void> {
    await this.parts.database.transaction(async (tx) => {
      for (let from = 0; from < receipts.length; from += ROWS)
        await tx
          .insert(keptReceipt)
          .values(receipts.slice(from, from + ROWS))
          .onConflictDoNothing()
      await tx
        .insert(keptBatch)
        .values({ lease, era, batch, root, ...outcome })
        .onConflictDoUpdate({
          target: [keptBatch.lease, keptBatch.era, keptBatch.batch, keptBatch.root],
          set: outcome,
        })
    })
  }
}
