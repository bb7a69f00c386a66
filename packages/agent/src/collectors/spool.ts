import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { CollectedLine } from './line.ts'

/** Packed bytes that may wait of one lease, and of all; the oldest of the lease at hand go first. */
const LEASE_BYTES = 8 * 1024 * 1024
const ALL_BYTES = 256 * 1024 * 1024

/** How far a container's log was read: so many lines that were printed at `time` (Unix milliseconds). */
export interface Position {
  time: number
  count: number
}

/** Lines that wait. */
export interface Batch {
  seq: number
  lines: CollectedLine[]
}

/** How far a collector is. */
export interface Cursor {
  /** The last batch that it is through with. */
  seq: number
  sent: number
  dropped: number
  /** So many of the dropped were told of, in the stream. */
  told: number
  lastSentAt: number | undefined
}

/**
 * Lines of leases on their way to collectors, in a file of their own. A batch and how far the logs were read
 * for it are written in one transaction, so that after a crash nothing is lost and little comes twice; a
 * power cut may take the last batches, and with them the positions. What waits is bounded: what is too much
 * is dropped, and counted for each collector that hadn't had it.
 */
export class Spool {
  private readonly db: DatabaseSync
  private readonly leaseBytes: number
  private readonly allBytes: number

  constructor(path: string, leaseBytes: number = LEASE_BYTES, allBytes: number = ALL_BYTES) {
    this.leaseBytes = leaseBytes
    this.allBytes = allBytes
    keepToOurselves(path)
    this.db = new DatabaseSync(path)
    this.db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA secure_delete = ON;
      CREATE TABLE IF NOT EXISTS batch (seq INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL, lines INTEGER NOT NULL, bytes INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS batch_of_lease ON batch (lease, seq);
      CREATE TABLE IF NOT EXISTS position (lease TEXT NOT NULL, container TEXT NOT NULL, time INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (lease, container)) STRICT;
      CREATE TABLE IF NOT EXISTS cursor (lease TEXT NOT NULL, collector TEXT NOT NULL, seq INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0, last_sent INTEGER, PRIMARY KEY (lease, collector)) STRICT;
    `)
  }

  /** The collectors of a lease from now on; a new one gets what comes from now on. */
  attend(lease: string, collectors: readonly string[]): void {
    this.atOnce(() => {
      for (const { collector } of this.rows('SELECT collector FROM cursor WHERE lease = ?', lease))
        if (!collectors.includes(String(collector)))
          this.run('DELETE FROM cursor WHERE lease = ? AND collector = ?', lease, String(collector))
      for (const collector of collectors)
        this.run(
          'INSERT OR IGNORE INTO cursor (lease, collector, seq) VALUES (?, ?, (SELECT coalesce(max(seq), 0) FROM batch))',
          lease,
          collector,
        )
      this.clear(lease)
    })
  }

  /** Writes down lines, and how far the logs were read for them; `missed` were left out. */
  add(
    lease: string,
    lines: readonly CollectedLine[],
    positions: ReadonlyMap<string, Position>,
    missed = 0,
  ): void {
    const packed = gzipSync(JSON.stringify(lines), { level: 1 })
    this.atOnce(() => {
      if (lines.length > 0)
        this.run(
          'INSERT INTO batch (lease, lines, bytes, packed) VALUES (?, ?, ?, ?)',
          lease,
          lines.length,
          packed.length,
          packed,
        )
      for (const [container, { time, count }] of positions)
        this.run(
          'INSERT OR REPLACE INTO position (lease, container, time, count) VALUES (?, ?, ?, ?)',
          lease,
          container,
          time,
          count,
        )
      if (missed > 0) this.run('UPDATE cursor SET dropped = dropped + ? WHERE lease = ?', missed, lease)
      this.makeRoom(lease)
    })
  }

  position(lease: string, container: string): Position | undefined {
    const row = this.db
      .prepare('SELECT time, count FROM position WHERE lease = ? AND container = ?')
      .get(lease, container)
    return row && { time: Number(row['time']), count: Number(row['count']) }
  }

  /** Whether the logs of a lease were read before. */
  knows(lease: string): boolean {
    return this.rows('SELECT 1 FROM position WHERE lease = ? LIMIT 1', lease).length > 0
  }

  /** The next lines that a collector hasn't had. */
  next(lease: string, collector: string): Batch | undefined {
    const row = this.db
      .prepare(
        'SELECT seq, packed FROM batch WHERE lease = ?1 AND seq > (SELECT seq FROM cursor WHERE lease = ?1 AND collector = ?2) ORDER BY seq LIMIT 1',
      )
      .get(lease, collector)
    if (!row) return undefined
    const lines = JSON.parse(gunzipSync(row['packed'] as Uint8Array).toString('utf8')) as CollectedLine[]
    return { seq: Number(row['seq']), lines }
  }

  /** A collector is through with a batch: took `sent` lines of it, and `dropped` it won't ever take. */
  done(
    lease: string,
    collector: string,
    seq: number,
    { sent, dropped, told }: { sent: number; dropped: number; told: number },
    now = Date.now(),
  ): void {
    this.atOnce(() => {
      this.run(
        'UPDATE cursor SET seq = max(seq, ?), sent = sent + ?, dropped = dropped + ?, told = told + ?, last_sent = iif(? > 0, ?, last_sent) WHERE lease = ? AND collector = ?',
        seq,
        sent,
        dropped,
        told,
        sent,
        now,
        lease,
        collector,
      )
      this.clear(lease)
    })
  }

  cursor(lease: string, collector: string): Cursor | undefined {
    const row = this.db
      .prepare('SELECT * FROM cursor WHERE lease = ? AND collector = ?')
      .get(lease, collector)
    if (!row) return undefined
    const lastSentAt = row['last_sent'] === null ? undefined : Number(row['last_sent'])
    const [seq, sent, dropped, told] = ['seq', 'sent', 'dropped', 'told'].map((name) => Number(row[name]))
    return { seq: seq ?? 0, sent: sent ?? 0, dropped: dropped ?? 0, told: told ?? 0, lastSentAt }
  }

  /** Lines that a collector hasn't had. */
  waiting(lease: string, collector: string): number {
    const [row] = this.rows(
      'SELECT coalesce(sum(lines), 0) AS lines FROM batch WHERE lease = ?1 AND seq > (SELECT seq FROM cursor WHERE lease = ?1 AND collector = ?2)',
      lease,
      collector,
    )
    return Number(row?.['lines'] ?? 0)
  }

  /** Forgets everything of a lease. */
  forget(lease: string): void {
    this.atOnce(() => {
      for (const table of ['batch', 'position', 'cursor'])
        this.run(`DELETE FROM ${table} WHERE lease = ?`, lease)
    })
    this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Leases that anything is kept of. */
  leases(): string[] {
    return this.rows(
      'SELECT lease FROM batch UNION SELECT lease FROM position UNION SELECT lease FROM cursor',
    ).map((row) => String(row['lease']))
  }

  close(): void {
    this.db.close()
  }

  /** Deletes what every collector of a lease is through with. */
  private clear(lease: string): void {
    this.run(
      'DELETE FROM batch WHERE lease = ?1 AND seq <= (SELECT coalesce(min(seq), 9e15) FROM cursor WHERE lease = ?1)',
      lease,
    )
  }

  private makeRoom(lease: string): void {
    const bytesOf = (where: string, ...values: string[]) =>
      Number(
        this.rows(`SELECT coalesce(sum(bytes), 0) AS bytes FROM batch ${where}`, ...values)[0]?.['bytes'],
      )
    while (bytesOf('WHERE lease = ?', lease) > this.leaseBytes || bytesOf('') > this.allBytes) {
      const [oldest] = this.rows('SELECT seq, lines FROM batch WHERE lease = ? ORDER BY seq LIMIT 1', lease)
      if (!oldest) return
      const [seq, lines] = [Number(oldest['seq']), Number(oldest['lines'])]
      this.run(
        'UPDATE cursor SET dropped = dropped + ?, seq = ? WHERE lease = ? AND seq < ?',
        lines,
        seq,
        lease,
        seq,
      )
      this.run('DELETE FROM batch WHERE seq = ?', seq)
    }
  }

  private run(sql: string, ...values: (string | number | Uint8Array)[]): void {
    this.db.prepare(sql).run(...values)
  }

  private rows(sql: string, ...values: (string | number)[]) {
    return this.db.prepare(sql).all(...values)
  }

  private atOnce(work: () => void): void {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.db.exec('COMMIT')
    } catch (error) {
      this.db.exec('ROLLBACK')
      throw error
    }
  }
}

/** See `Store`: lines are their tenant's alone. */
function keepToOurselves(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  for (const file of ['', '-wal', '-shm'].map((end) => path + end))
    if (existsSync(file)) chmodSync(file, 0o600)
}
