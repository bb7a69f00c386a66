import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Hex } from 'viem'

/**
 * Numbers for a worker's receipts. Two receipts with one number and different contents cost the provider
 * stake, so a number is written through before anybody sees it, and is given out once: what is lost between
 * the two is a gap. An era begins with the store, since a new one knows nothing of the numbers of the one
 * before.
 */
export class ReceiptNumbers {
  private readonly db: DatabaseSync
  /** Drawn at random when the store was made: 64 bits. */
  readonly era: bigint

  /** `db` has to write through what it commits. */
  constructor(db: DatabaseSync) {
    this.db = db
    db.exec(`
      CREATE TABLE IF NOT EXISTS receipt_era (one INTEGER PRIMARY KEY CHECK (one = 1), era TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS receipt (lease TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT;
    `)
    const drawn = String(randomBytes(8).readBigUInt64BE())
    db.prepare('INSERT OR IGNORE INTO receipt_era (one, era) VALUES (1, ?)').run(drawn)
    this.era = BigInt(String(db.prepare('SELECT era FROM receipt_era').get()?.['era']))
  }

  /** The next number of a lease, from 0. */
  next(lease: Hex): bigint {
    const [row] = this.db
      .prepare(
        'INSERT INTO receipt (lease, sequence) VALUES (?, 0) ON CONFLICT (lease) DO UPDATE SET sequence = sequence + 1 RETURNING sequence',
      )
      .all(lease)
    return BigInt(String(row?.['sequence']))
  }
}
