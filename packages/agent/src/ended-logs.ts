import type { DatabaseSync } from 'node:sqlite'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type EndedReport, type LogReport, toBase64 } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import { contextOfEnded, seal } from '@cloister/secrets'
import { type Hex, hexToBytes } from 'viem'

/** How long what is left of a lease that has ended is kept for its tenant. */
const KEPT_MS = 86_400_000
/** Characters of text that are kept of a lease: the last ones of each container, which share them. */
const LEASE_CHARACTERS = 256 * 1024
/** Bytes, packed, of all leases together; those that ended first go first. */
const ALL_BYTES = 64 * 1024 * 1024
/** Lines that are looked at for that, of each container, and how long all that may take. */
const LINES = 2_000
const READ_MS = 10_000
/** What a line takes beside its text. */
const LINE_CHARACTERS = 100

/** Begins what a container printed last, where an event tells of it. */
export const PRINTED_LAST = '\nIt printed last:\n'

type Services = EndedReport['services']

/** What is kept of a lease that has ended. */
export interface Ended {
  lease: Hex
  lines: readonly LogReport[]
  /** How its containers were doing when it ended. */
  services: Services
  /** The tenant's reading key; what was printed is sealed to it, where there is one. */
  reader: Hex | undefined
}

/**
 * What is left of leases that have ended: the last lines of their services, exit codes and reasons. A tenant
 * whose service failed at night reads them the next morning; then they are wiped. What a lease leaves here is
 * bounded, and so is what all of them do, so that short leases can't fill a worker. Where the tenant gave a
 * reading key, nothing that its services printed lies here in the open.
 */
export class EndedLogs {
  private readonly db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.db = db
    this.db.exec(`
      DROP TABLE IF EXISTS ended_log;
      CREATE TABLE IF NOT EXISTS ended_lease (lease TEXT PRIMARY KEY, ended INTEGER NOT NULL, services TEXT NOT NULL, sealed INTEGER NOT NULL, lines BLOB NOT NULL) STRICT;
    `)
  }

  /** Keeps the last of `lines`, which are in the order of time. Never throws for what a tenant gave. */
  async keep({ lease, lines, services, reader }: Ended, now: number = Date.now()): Promise<void> {
    const packed = gzipSync(JSON.stringify(shareOut(lines)))
    // A key that can't be sealed to is no reason to keep anything in the open, or to keep the lease.
    const kept =
      reader === undefined ? packed : await sealed(reader, packed, lease).catch(() => new Uint8Array())
    this.wipe(now)
    this.db
      .prepare(
        'INSERT OR REPLACE INTO ended_lease (lease, ended, services, sealed, lines) VALUES (?, ?, ?, ?, ?)',
      )
      .run(lease, now, JSON.stringify(services), reader === undefined ? 0 : 1, kept)
    // Events tell of what was printed, too.
    if (reader !== undefined)
      this.db
        .prepare(
          'UPDATE event SET message = substr(message, 1, instr(message, ?) - 1) WHERE lease = ? AND instr(message, ?) > 0',
        )
        .run(PRINTED_LAST, lease, PRINTED_LAST)
    const sizes = this.db
      .prepare('SELECT lease, length(lines) AS bytes FROM ended_lease ORDER BY ended DESC, rowid DESC')
      .all()
    let bytes = 0
    for (const row of sizes) {
      bytes += Number(row['bytes'])
      if (bytes > ALL_BYTES)
        this.db.prepare('DELETE FROM ended_lease WHERE lease = ?').run(String(row['lease']))
    }
  }

  /** Whether anything of a lease is kept. */
  has(lease: Hex, now: number = Date.now()): boolean {
    return this.report(lease, now) !== undefined
  }

  /** What was kept of a lease; undefined where nothing was, or its day is over. */
  report(lease: Hex, now: number = Date.now()): EndedReport | undefined {
    this.wipe(now)
    const row = this.db
      .prepare('SELECT ended, services, sealed, lines FROM ended_lease WHERE lease = ?')
      .get(lease)
    if (!row) return undefined
    const ended = Number(row['ended'])
    const kept = row['lines'] as Uint8Array
    return {
      lease,
      endedAt: ended,
      keptUntil: ended + KEPT_MS,
      services: JSON.parse(String(row['services'])) as Services,
      ...(row['sealed'] ? { sealed: toBase64(kept) } : { lines: unpacked(kept) }),
    }
  }

  /** Wipes what was kept for its day. */
  wipe(now: number = Date.now()): void {
    this.db.prepare('DELETE FROM ended_lease WHERE ended < ?').run(now - KEPT_MS)
  }
}

function sealed(reader: Hex, packed: Uint8Array, lease: Hex): Promise<Uint8Array> {
  return seal([hexToBytes(reader)], packed, contextOfEnded(lease))
}

function unpacked(packed: Uint8Array): LogReport[] {
  return JSON.parse(gunzipSync(packed).toString('utf8')) as LogReport[]
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
  const all: LogReport[] = []
  const signal = AbortSignal.timeout(READ_MS)
  for (const container of containers) {
    const own: LogReport[] = []
    let characters = 0
    try {
      for await (const { time, stream, text } of executor.logs(lease, container, {
        tail: LINES,
        follow: false,
        signal,
      })) {
        own.push({ time, container, stream, text })
        characters += text.length
        if (characters > 4 * LEASE_CHARACTERS) {
          const last = lastOf(own, LEASE_CHARACTERS)
          own.splice(0, own.length - last.length)
          characters = last.reduce((sum, line) => sum + line.text.length, 0)
        }
        if (signal.aborted) break
      }
    } catch {
      // An engine that has lost it must not keep the lease from being wiped.
    }
    all.push(...lastOf(own, LEASE_CHARACTERS))
  }
  return shareOut(all.sort((a, b) => a.time - b.time))
}

/**
 * The last lines of each container: what a lease may leave is shared out among them, and what a quiet one
 * doesn't need goes to the others.
 */
function shareOut(lines: readonly LogReport[]): LogReport[] {
  const sizes = new Map<string, number>()
  for (const { container, text } of lines)
    sizes.set(container, (sizes.get(container) ?? 0) + LINE_CHARACTERS + text.length)
  let left = LEASE_CHARACTERS
  const shares = new Map<string, number>()
  const bySize = [...sizes].sort((one, other) => one[1] - other[1])
  for (const [index, [container, size]] of bySize.entries()) {
    const share = Math.min(size, Math.floor(left / (bySize.length - index)))
    shares.set(container, share)
    left -= share
  }
  const kept: LogReport[] = []
  for (const line of lines.toReversed()) {
    const share = shares.get(line.container) ?? 0
    const size = LINE_CHARACTERS + line.text.length
    // After one that doesn't fit, none before it: what is kept has no gaps.
    shares.set(line.container, size > share ? 0 : share - size)
    if (size <= share) kept.push(line)
  }
  return kept.reverse()
}

function lastOf(lines: readonly LogReport[], most: number): LogReport[] {
  let characters = 0
  let first = lines.length
  while (first > 0 && characters + (lines[first - 1]?.text.length ?? 0) <= most)
    characters += LINE_CHARACTERS + (lines[--first]?.text.length ?? 0)
  return lines.slice(first)
}
