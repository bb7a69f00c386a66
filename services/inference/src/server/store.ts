import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { ChargeJson, SignedReceiptJson } from '@cloister/core'
import type { Hex } from 'viem'
import { NONE } from '../protocol/constants.ts'
import type { InferenceReceipt, ReceiptDetails, ReceiptProof } from '../protocol/receipt.ts'
import { receiptTree } from '../protocol/receipt-tree.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS receipts(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  answer TEXT,
  forwarded TEXT,
  details TEXT NOT NULL,
  charge TEXT NOT NULL,
  signed TEXT,
  digest TEXT,
  era TEXT,
  batch INTEGER,
  ended INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS receipts_by_answer ON receipts(answer) WHERE answer IS NOT NULL;
CREATE INDEX IF NOT EXISTS receipts_by_batch ON receipts(era, batch);
CREATE INDEX IF NOT EXISTS receipts_unsigned ON receipts(number) WHERE signed IS NULL;
CREATE TABLE IF NOT EXISTS batches(
  era TEXT NOT NULL,
  batch INTEGER NOT NULL,
  count INTEGER NOT NULL,
  root TEXT NOT NULL,
  sent TEXT,
  PRIMARY KEY (era, batch)
) STRICT;
CREATE TABLE IF NOT EXISTS channels(
  id TEXT PRIMARY KEY,
  config TEXT NOT NULL,
  escrow TEXT NOT NULL DEFAULT 'vouchers',
  charged TEXT NOT NULL DEFAULT '0',
  drawn TEXT NOT NULL DEFAULT '0',
  drawSignature TEXT,
  posted TEXT NOT NULL DEFAULT '0',
  gone TEXT NOT NULL DEFAULT '0',
  voucher TEXT NOT NULL DEFAULT '0',
  voucherSignature TEXT,
  claimed TEXT NOT NULL DEFAULT '0',
  used INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS attempts(
  request TEXT PRIMARY KEY,
  billed INTEGER NOT NULL,
  amount TEXT NOT NULL,
  repeats INTEGER NOT NULL,
  delivered INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS offers(id TEXT PRIMARY KEY, seen INTEGER NOT NULL, charged INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS evidence(digest TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
`

/** Times that one paid request may be answered again for nothing. */
const MOST_REPEATS = 2
/** Milliseconds for which an answer that wasn't delivered may be asked for again. */
const REPEAT_MS = 600_000

/** Evidence that is kept: one an hour, each of up to a hundred kilobytes. */
const MOST_EVIDENCE = 400

/** Contracts that channels are in: ours, or x402's own. */
export type Escrow = 'vouchers' | 'x402'

/** A channel as the door knows it. Amounts in base units. */
export interface ChannelRow {
  id: Hex
  /** `ChannelJson` of core. */
  config: string
  /** The contract that has it. */
  escrow: Escrow
  /** What answers cost in all; what is claimed sooner or later. */
  charged: bigint
  /** What the payer's signature lets be drawn from its purse, in all; 0 for a channel that is paid into. */
  drawn: bigint
  drawSignature: Hex | undefined
  /** What of it is known to be drawn on chain. */
  posted: bigint
  /** What of that the payer took back or announced to take back: nothing is answered for it. */
  gone: bigint
  /** The highest voucher. */
  voucher: bigint
  voucherSignature: Hex | undefined
  claimed: bigint
}

/** What one answer comes to, before it is written down. */
export interface Outcome {
  details: ReceiptDetails
  /** The API's own id of the answer. */
  answer: string | undefined
  /** SHA-256 of what the engine got, where that isn't what was asked. */
  forwarded: Hex | undefined
  charge: Omit<ChargeJson, 'total'>
  /**
   * Name of the request, by which it is never billed twice; undefined for one without. `isNamed`: whoever
   * asked gave it a name, so that it is the same even after it was delivered. `isAgain`: whoever asks says
   * that it asked before.
   */
  request: { name: string; isNamed: boolean; isAgain: boolean } | undefined
  delivered: boolean
}

/** A batch of receipts whose root goes on chain. */
export interface Batch {
  era: string
  batch: number
  count: number
  root: Hex
}

/**
 * What the door keeps, in SQLite on its volume: receipts, channels, and which requests were billed. All that
 * an answer changes is one transaction, so that a process which dies has billed it or hasn't. No prompt and
 * no answer is in it.
 */
export class Store {
  private readonly database: DatabaseSync
  private readonly statements = new Map<string, StatementSync>()

  /** `folder`: on the volume; undefined keeps all in memory. */
  constructor(folder?: string) {
    if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.database = new DatabaseSync(folder === undefined ? ':memory:' : join(folder, 'door.sqlite'))
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;')
    this.database.exec(SCHEMA)
  }

  close(): void {
    this.database.close()
  }

  /**
   * Writes an answer down and charges its channel. What was paid for the same request before is taken
   * off, twice at the most. Returns the charge as it is.
   */
  commit({ details, answer, forwarded, charge, request, delivered }: Outcome): ChargeJson {
    return this.transaction(() => {
      const paid = request ? this.paidBefore(request, details.endedAt) : 0n
      const due = BigInt(charge.amount) - paid
      const amount = String(due > 0n ? due : 0n)
      let total = 0n
      if (charge.channel !== NONE) {
        total = BigInt(
          this.one('SELECT charged FROM channels WHERE id = ?', charge.channel)?.['charged'] as string,
        )
        total += BigInt(amount)
        this.run(
          'UPDATE channels SET charged = ?, used = ? WHERE id = ?',
          String(total),
          details.endedAt,
          charge.channel,
        )
      }
      const charged = { ...charge, amount, total: String(total) }
      this.run(
        'INSERT INTO receipts(id, answer, forwarded, details, charge, ended) VALUES (?, ?, ?, ?, ?, ?)',
        details.id,
        answer ?? null,
        forwarded ?? null,
        JSON.stringify(details),
        JSON.stringify(charged),
        details.endedAt,
      )
      if (request)
        this.run(
          `INSERT INTO attempts(request, billed, amount, repeats, delivered) VALUES (?, ?, ?, 0, ?)
           ON CONFLICT(request) DO UPDATE SET
             billed = excluded.billed, amount = excluded.amount, delivered = excluded.delivered`,
          request.name,
          details.endedAt,
          String(paid + BigInt(amount)),
          delivered ? 1 : 0,
        )
      return charged
    })
  }

  /** A receipt as it is kept; `signed` is missing until the worker has signed. */
  receipt(id: string): (Omit<InferenceReceipt, 'signed'> & { signed?: SignedReceiptJson }) | undefined {
    const row = this.one('SELECT * FROM receipts WHERE id = ?', id)
    return row && this.receiptOf(row)
  }

  /** The newest receipt of an answer, by the API's id of it. */
  receiptOfAnswer(answer: string): string | undefined {
    return this.one('SELECT id FROM receipts WHERE answer = ? ORDER BY number DESC LIMIT 1', answer)?.[
      'id'
    ] as string | undefined
  }

  /** What peers' forms of a receipt say besides hashes and times. */
  peerReceipt(
    id: string,
  ): { details: ReceiptDetails; answer: string | undefined; forwarded: Hex | undefined } | undefined {
    const row = this.one('SELECT details, answer, forwarded FROM receipts WHERE id = ?', id)
    return (
      row && {
        details: JSON.parse(row['details'] as string),
        answer: (row['answer'] ?? undefined) as string | undefined,
        forwarded: (row['forwarded'] ?? undefined) as Hex | undefined,
      }
    )
  }

  /** Ids of receipts that the worker hasn't signed, oldest first. */
  unsigned(most: number): string[] {
    return this.all('SELECT id FROM receipts WHERE signed IS NULL ORDER BY number LIMIT ?', most).map(
      ({ id }) => id as string,
    )
  }

  /** Keeps the worker's signature; the first one stays. */
  sign(id: string, signed: SignedReceiptJson, digest: Hex): void {
    this.run(
      'UPDATE receipts SET signed = ?, digest = ?, era = ? WHERE id = ? AND signed IS NULL',
      JSON.stringify(signed),
      digest,
      signed.era,
      id,
    )
  }

  /** Receipts that wait for the worker's signature. */
  countUnsigned(): number {
    return Number(this.one('SELECT count(*) AS n FROM receipts WHERE signed IS NULL')?.['n'] ?? 0)
  }

  /** Receipts, signed, that are in no batch yet. */
  countLoose(): number {
    return Number(
      this.one('SELECT count(*) AS n FROM receipts WHERE signed IS NOT NULL AND batch IS NULL')?.['n'] ?? 0,
    )
  }

  /** The era of the first signed receipt that is in no batch. */
  looseEra(): string | undefined {
    return this.one(
      'SELECT era FROM receipts WHERE signed IS NOT NULL AND batch IS NULL ORDER BY number LIMIT 1',
    )?.['era'] as string | undefined
  }

  /** Makes a batch of an era's signed receipts that are in none. `least`: the chain's next number. */
  makeBatch(era: string, most: number, least: number): Batch {
    return this.transaction(() => {
      const rows = this.all(
        'SELECT number, digest FROM receipts WHERE era = ? AND batch IS NULL ORDER BY number LIMIT ?',
        era,
        most,
      )
      const last = this.one('SELECT max(batch) AS last FROM batches WHERE era = ?', era)?.['last'] as
        | number
        | null
      const batch = Math.max((last ?? -1) + 1, least)
      const { root } = receiptTree(rows.map(({ digest }) => digest as Hex))
      this.run(
        'INSERT INTO batches(era, batch, count, root) VALUES (?, ?, ?, ?)',
        era,
        batch,
        rows.length,
        root,
      )
      for (const { number } of rows)
        this.run('UPDATE receipts SET batch = ? WHERE number = ?', batch, number as number)
      return { era, batch, count: rows.length, root }
    })
  }

  /** Batches that nobody is known to have sent, in their order. */
  unsentBatches(): Batch[] {
    return this.all('SELECT * FROM batches WHERE sent IS NULL ORDER BY era, batch').map(batchOf)
  }

  /** The chain has a batch's root, by the transaction `hash`. */
  markSent({ era, batch }: Batch, hash: string): void {
    this.run('UPDATE batches SET sent = ? WHERE era = ? AND batch = ?', hash, era, batch)
  }

  /** All receipts of a batch, with their proofs; undefined where there is none or some are forgotten. */
  batch(era: string, batch: number): { root: Hex; receipts: InferenceReceipt[] } | undefined {
    const found = this.one('SELECT * FROM batches WHERE era = ? AND batch = ?', era, batch)
    if (!found) return undefined
    const rows = this.all('SELECT * FROM receipts WHERE era = ? AND batch = ? ORDER BY number', era, batch)
    const { root, count } = batchOf(found)
    if (rows.length !== count) return undefined
    const tree = receiptTree(rows.map(({ digest }) => digest as Hex))
    const receipts = rows.map((row) => ({
      ...(this.receiptOf(row, false) as InferenceReceipt),
      proof: { era, index: batch, count, root, path: tree.pathOf(row['digest'] as Hex) },
    }))
    return { root, receipts }
  }

  channel(id: Hex): ChannelRow | undefined {
    const row = this.one('SELECT * FROM channels WHERE id = ?', id)
    return row && channelOf(row)
  }

  /** All channels that something of can be claimed. */
  claimable(): ChannelRow[] {
    return this.all('SELECT * FROM channels WHERE charged != claimed').map(channelOf)
  }

  /** All channels in one escrow. */
  channelsOf(escrow: ChannelRow['escrow']): ChannelRow[] {
    return this.all('SELECT * FROM channels WHERE escrow = ?', escrow).map(channelOf)
  }

  /** Keeps a channel, unless it is known. */
  addChannel(id: Hex, config: string, charged = 0n, escrow: Escrow = 'vouchers'): void {
    this.run(
      'INSERT OR IGNORE INTO channels(id, config, escrow, charged, claimed) VALUES (?, ?, ?, ?, ?)',
      id,
      config,
      escrow,
      String(charged),
      String(charged),
    )
  }

  /** A payer lets so much be drawn, and gives a voucher over it. */
  setDrawn(id: Hex, drawn: bigint, drawSignature: Hex, voucherSignature: Hex): void {
    this.run(
      'UPDATE channels SET drawn = ?, drawSignature = ?, voucher = ?, voucherSignature = ? WHERE id = ?',
      String(drawn),
      drawSignature,
      String(drawn),
      voucherSignature,
      id,
    )
  }

  /** Channels whose payers let more be drawn than the chain is known to have drawn. */
  unposted(most: number): ChannelRow[] {
    return this.all(
      `SELECT * FROM channels WHERE drawSignature IS NOT NULL
       AND (length(drawn), drawn) > (length(posted), posted) LIMIT ?`,
      most,
    ).map(channelOf)
  }

  /** No more than `drawn` can be had of a channel, whatever was signed. */
  limitDrawn(id: Hex, drawn: bigint): void {
    this.run('UPDATE channels SET drawn = ? WHERE id = ?', String(drawn), id)
  }

  setVoucher(id: Hex, voucher: bigint, signature: Hex): void {
    this.run(
      'UPDATE channels SET voucher = ?, voucherSignature = ? WHERE id = ?',
      String(voucher),
      signature,
      id,
    )
  }

  setPosted(id: Hex, posted: bigint): void {
    this.run('UPDATE channels SET posted = ? WHERE id = ?', String(posted), id)
  }

  setGone(id: Hex, gone: bigint): void {
    this.run('UPDATE channels SET gone = ? WHERE id = ?', String(gone), id)
  }

  setClaimed(id: Hex, claimed: bigint): void {
    this.run('UPDATE channels SET claimed = ? WHERE id = ?', String(claimed), id)
  }

  /** When an offer was first seen, in Unix milliseconds: `now` where that is the first time. */
  seeOffer(id: Hex, now: number): number {
    this.run('INSERT OR IGNORE INTO offers(id, seen, charged) VALUES (?, ?, 0)', id, now)
    return Number(this.one('SELECT seen FROM offers WHERE id = ?', id)?.['seen'])
  }

  /** Answers are charged by an offer that was seen; those before it are forgotten. */
  chargeBy(id: Hex): void {
    this.transaction(() => {
      this.run('DELETE FROM offers WHERE id != ?', id)
      this.run('UPDATE offers SET charged = 1 WHERE id = ?', id)
    })
  }

  /** The offer that answers are charged by. */
  chargedOffer(): Hex | undefined {
    return this.one('SELECT id FROM offers WHERE charged = 1')?.['id'] as Hex | undefined
  }

  keepEvidence(digest: Hex, json: string): void {
    this.run('INSERT OR IGNORE INTO evidence(digest, json) VALUES (?, ?)', digest, json)
  }

  evidence(digest: Hex): string | undefined {
    return this.one('SELECT json FROM evidence WHERE digest = ?', digest)?.['json'] as string | undefined
  }

  /** Forgets what is anchored and old, and who asked what; `before`: Unix milliseconds. */
  forget(before: number, most: number): void {
    this.transaction(() => {
      this.run('DELETE FROM attempts WHERE billed < ?', Date.now() - REPEAT_MS)
      this.run(
        `DELETE FROM receipts WHERE (era, batch) IN
         (SELECT era, batch FROM receipts JOIN batches USING (era, batch) WHERE sent IS NOT NULL
          GROUP BY era, batch HAVING max(ended) < ?)`,
        before,
      )
      this.run(
        'DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ? AND signed IS NOT NULL',
        most,
      )
      this.run('DELETE FROM evidence WHERE rowid <= (SELECT max(rowid) FROM evidence) - ?', MOST_EVIDENCE)
    })
  }

  /** What was paid for this very request before; uses one of its repeats up. */
  private paidBefore({ name, isNamed, isAgain }: NonNullable<Outcome['request']>, now: number): bigint {
    const before = this.one('SELECT * FROM attempts WHERE request = ?', name)
    if (!before) return 0n
    const isOver = Number(before['billed']) < now - REPEAT_MS || Number(before['repeats']) >= MOST_REPEATS
    const isSame = isNamed || (isAgain && before['delivered'] === 0)
    if (isOver || !isSame) {
      this.run('DELETE FROM attempts WHERE request = ?', name)
      return 0n
    }
    this.run('UPDATE attempts SET repeats = repeats + 1 WHERE request = ?', name)
    return BigInt(before['amount'] as string)
  }

  private receiptOf(row: Record<string, unknown>, withProof = true) {
    const signed = row['signed'] === null ? undefined : JSON.parse(row['signed'] as string)
    const proof = withProof && row['batch'] !== null ? this.proofOf(row) : undefined
    return {
      details: JSON.parse(row['details'] as string),
      charge: JSON.parse(row['charge'] as string),
      ...(signed && { signed }),
      ...(proof && { proof }),
    }
  }

  private proofOf(row: Record<string, unknown>): ReceiptProof | undefined {
    const [era, batch] = [row['era'] as string, row['batch'] as number]
    const found = this.one(
      'SELECT * FROM batches WHERE era = ? AND batch = ? AND sent IS NOT NULL',
      era,
      batch,
    )
    if (!found) return undefined
    const { count, root } = batchOf(found)
    const rows = this.all('SELECT digest FROM receipts WHERE era = ? AND batch = ?', era, batch)
    // Of a batch whose receipts are partly forgotten nothing can be proven from here: the index has them.
    if (rows.length !== count) return undefined
    const tree = receiptTree(rows.map(({ digest }) => digest as Hex))
    return { era, index: batch, count, root, path: tree.pathOf(row['digest'] as Hex) }
  }

  private transaction<T>(work: () => T): T {
    this.database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.database.exec('COMMIT')
      return result
    } catch (error) {
      this.database.exec('ROLLBACK')
      throw error
    }
  }

  private prepared(sql: string): StatementSync {
    let statement = this.statements.get(sql)
    if (!statement) this.statements.set(sql, (statement = this.database.prepare(sql)))
    return statement
  }

  private one(sql: string, ...values: (string | number | null)[]): Record<string, unknown> | undefined {
    return this.prepared(sql).get(...values)
  }

  private all(sql: string, ...values: (string | number | null)[]): Record<string, unknown>[] {
    return this.prepared(sql).all(...values)
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.prepared(sql).run(...values)
  }
}

function batchOf(row: Record<string, unknown>): Batch {
  return {
    era: row['era'] as string,
    batch: row['batch'] as number,
    count: row['count'] as number,
    root: row['root'] as Hex,
  }
}

function channelOf(row: Record<string, unknown>): ChannelRow {
  return {
    id: row['id'] as Hex,
    config: row['config'] as string,
    escrow: row['escrow'] as Escrow,
    charged: BigInt(row['charged'] as string),
    drawn: BigInt(row['drawn'] as string),
    drawSignature: (row['drawSignature'] ?? undefined) as Hex | undefined,
    posted: BigInt(row['posted'] as string),
    gone: BigInt(row['gone'] as string),
    voucher: BigInt(row['voucher'] as string),
    voucherSignature: (row['voucherSignature'] ?? undefined) as Hex | undefined,
    claimed: BigInt(row['claimed'] as string),
  }
}
