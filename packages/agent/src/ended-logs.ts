import type { DatabaseSync } from 'node:sqlite'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { LogReport } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'

/** How long the logs of a lease that has ended are kept for its tenant. */
const KEPT_MS = 86_400_000
/** Characters of text that are kept of a lease, the last ones. */
const LEASE_CHARACTERS = 256 * 1024
/** Bytes, packed, of all leases together; those that ended first go first. */
const ALL_BYTES = 64 * 1024 * 1024
/** Lines that are looked at for that, of each container, and how long that may take. */
const LINES = 2_000
const READ_MS = 10_000

/**
 * The last lines of leases that have ended. A tenant whose service failed at night reads them the next
 * morning; then they are wiped. What a lease leaves here is bounded, and so is what all of them do, so that
 * short leases can't fill a worker.
 */
export class EndedLogs {
  private readonly db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.db = db
    this.db.exec(
      'CREATE TABLE IF NOT EXISTS ended_log (lease TEXT PRIMARY KEY, ended INTEGER NOT NULL, lines BLOB NOT NULL) STRICT',
    )
  }

  /** Keeps the last of `lines`, which are in the order of time. */
  keep(lease: Hex, lines: readonly LogReport[], now: number = Date.now()): void {
    this.wipe(now)
    const packed = gzipSync(JSON.stringify(lastOf(lines)))
    this.db
      .prepare('INSERT OR REPLACE INTO ended_log (lease, ended, lines) VALUES (?, ?, ?)')
      .run(lease, now, packed)
    const sizes = this.db
      .prepare('SELECT lease, length(lines) AS bytes FROM ended_log ORDER BY ended DESC, rowid DESC')
      .all()
    let bytes = 0
    for (const row of sizes) {
      bytes += Number(row['bytes'])
      if (bytes > ALL_BYTES)
        this.db.prepare('DELETE FROM ended_log WHERE lease = ?').run(String(row['lease']))
    }
  }

  /** What was kept of a lease; undefined where nothing was, or its day is over. */
  of(lease: Hex, now: number = Date.now()): LogReport[] | undefined {
    this.wipe(now)
    const row = this.db.prepare('SELECT lines FROM ended_log WHERE lease = ?').get(lease)
    return row && (JSON.parse(gunzipSync(row['lines'] as Uint8Array).toString('utf8')) as LogReport[])
  }

  /** Wipes what was kept for its day. */
  wipe(now: number = Date.now()): void {
    this.db.prepare('DELETE FROM ended_log WHERE ended < ?').run(now - KEPT_MS)
  }
}

/**
 * The last lines of containers that have ended, in the order of time, at most as many as are kept. What
 * can't be read is left out.
 */
export async function lastWords(
  executor: Pick<Executor, 'logs'>,
  lease: Hex,
  containers: readonly string[],
): Promise<LogReport[]> {
  let all: LogReport[] = []
  const signal = AbortSignal.timeout(READ_MS)
  for (const container of containers) {
    const own: LogReport[] = []
    try {
      for await (const { time, stream, text } of executor.logs(lease, container, {
        tail: LINES,
        follow: false,
        signal,
      })) {
        own.push({ time, container, stream, text })
        if (signal.aborted) break
      }
    } catch {
      // An engine that has lost it must not keep the lease from being wiped.
    }
    all = lastOf([...all, ...own].sort((a, b) => a.time - b.time))
  }
  return all
}

function lastOf(lines: readonly LogReport[]): LogReport[] {
  let characters = 0
  let first = lines.length
  while (first > 0 && characters + (lines[first - 1]?.text.length ?? 0) <= LEASE_CHARACTERS)
    characters += 100 + (lines[--first]?.text.length ?? 0)
  return lines.slice(first)
}
