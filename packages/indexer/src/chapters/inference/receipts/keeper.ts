import type { Network } from '@cloister/chain'
import { loop, messageOf } from '@cloister/core'
import { and, asc, eq, isNull, lte, or } from 'drizzle-orm'
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

  /** Asks for the batches that are due, each at most once. */
  private async step(): Promise<void> {
    for (const due of await this.due()) {
      if (this.aborter.signal.aborted) return
      await this.keep(due)
    }
  }

  private async due() {
    const { database, now } = this.parts
    return database
      .select({ anchor, worker, tries: keptBatch.tries })
      .from(anchor)
      .innerJoin(worker, eq(worker.address, anchor.worker))
      .leftJoin(
        keptBatch,
        and(
          eq(keptBatch.lease, anchor.lease),
          eq(keptBatch.era, anchor.era),
          eq(keptBatch.batch, anchor.batch),
          eq(keptBatch.root, anchor.root),
        ),
      )
      .where(
        or(
          isNull(keptBatch.lease),
          and(eq(keptBatch.kept, false), lte(keptBatch.nextAt, now()), lte(keptBatch.tries, MOST_TRIES)),
        ),
      )
      .orderBy(asc(anchor.block), asc(anchor.logIndex))
      .limit(AT_ONCE)
  }

  private async keep({ anchor: row, worker: known, tries }: Awaited<ReturnType<typeof this.due>>[number]) {
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
      await this.write(row, { kept: true, tries: tries ?? 0, nextAt: 0 }, rows)
    } catch {
      if (this.aborter.signal.aborted) return
      // Who can't be asked now is asked later; what it is that fails, its operator sees.
      const wait = Math.min(FIRST_WAIT_SECONDS * 2 ** (tries ?? 0), LONGEST_WAIT_SECONDS)
      await this.write(row, { kept: false, tries: (tries ?? 0) + 1, nextAt: now() + wait }, [])
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
