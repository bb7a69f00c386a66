import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Manifest, Resources } from '@cloister/core'
import type { Image } from '@cloister/executors'
import type { Envelope } from '@cloister/secrets'
import type { Address, Hex } from 'viem'

/** A manifest as a worker runs it: what each image reference meant when it was accepted. */
export interface Accepted {
  hash: Hex
  manifest: Manifest
  images: Record<string, Image>
  /** Its sealed secrets. */
  envelope?: Envelope
}

/** What the worker knows of a lease it serves. Amounts are not kept here: the chain has them. */
export interface StoredLease {
  id: Hex
  tenant: Address
  state: 'open' | 'closed'
  /** What it takes of the worker, reckoned from its room on chain when it was taken on; manifests have to fit into it. */
  resources: Omit<Resources, 'gpuModels'>
  /** Sealed secrets as they were last handed over, for the next manifest. */
  envelope?: Envelope
  /** Manifest that runs. */
  running?: Accepted
  /** Manifest that was accepted and is not known to run yet. */
  next?: Omit<Accepted, 'images'>
  /** Hash of a manifest that failed to start and why; the one before it runs on. */
  failed?: { hash: Hex; reason: string }
  /** From when on this worker may close the lease, of which the tenant was told. Unix seconds. */
  noticeUntil?: number
  /** Seconds of balance the tenant was last warned of. */
  warnedSeconds?: number
  /** Restarts so far, by container. */
  restarts: Record<string, number>
  /** Unix milliseconds. */
  openedAt: number
}

/** Something that happened to a lease, as its tenant sees it. */
export interface LeaseEvent {
  id: number
  lease: Hex
  /** Unix milliseconds. */
  time: number
  kind: string
  message: string
}

const EVENTS_KEPT = 1_000

/** The agent's memory: SQLite, written through before anything is done on its strength. */
export class Store {
  private readonly db: DatabaseSync

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.db = new DatabaseSync(path)
    this.db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, state TEXT NOT NULL, data TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS event_of_lease ON event (lease, id);
      CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, expiry INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS port (port INTEGER PRIMARY KEY, lease TEXT NOT NULL, service TEXT NOT NULL, target INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    `)
  }

  leases(state: StoredLease['state']): StoredLease[] {
    return this.db
      .prepare('SELECT data FROM lease WHERE state = ?')
      .all(state)
      .map(({ data }) => JSON.parse(String(data)) as StoredLease)
  }

  lease(id: Hex): StoredLease | undefined {
    const row = this.db.prepare('SELECT data FROM lease WHERE id = ?').get(id)
    return row && (JSON.parse(String(row['data'])) as StoredLease)
  }

  saveLease(lease: StoredLease): void {
    this.db.prepare('INSERT OR REPLACE INTO lease (id, state, data) VALUES (?, ?, ?)').run(lease.id, lease.state, JSON.stringify(lease))
  }

  /** Changes parts of a lease; returns what it is then. */
  patchLease(id: Hex, change: (lease: StoredLease) => void): StoredLease {
    const lease = this.lease(id)
    if (!lease) throw new Error(`no lease ${id}`)
    change(lease)
    this.saveLease(lease)
    return lease
  }

  addEvent(lease: Hex, kind: string, message: string): LeaseEvent {
    const time = Date.now()
    const { lastInsertRowid } = this.db.prepare('INSERT INTO event (lease, time, kind, message) VALUES (?, ?, ?, ?)').run(lease, time, kind, message)
    this.db
      .prepare('DELETE FROM event WHERE lease = ? AND id <= (SELECT id FROM event WHERE lease = ? ORDER BY id DESC LIMIT 1 OFFSET ?)')
      .run(lease, lease, EVENTS_KEPT)
    return { id: Number(lastInsertRowid), lease, time, kind, message }
  }

  events(lease: Hex, after: number): LeaseEvent[] {
    return this.db
      .prepare('SELECT id, lease, time, kind, message FROM event WHERE lease = ? AND id > ? ORDER BY id')
      .all(lease, after) as unknown as LeaseEvent[]
  }

  /** Uses a nonce up; false if it was used before. Forgets those whose request would be refused as too old anyway. */
  useNonce(nonce: string, expiry: number, nowSeconds: number): boolean {
    this.db.prepare('DELETE FROM nonce WHERE expiry < ?').run(nowSeconds)
    return this.db.prepare('INSERT OR IGNORE INTO nonce (nonce, expiry) VALUES (?, ?)').run(nonce, expiry).changes === 1
  }

  /**
   * The worker's port for a service's port: the same every time, until `releasePorts`, unless it is `busy`; then another one in its
   * place. `isKnown` says that it was lent before. Undefined where none is left.
   */
  portFor(
    lease: Hex,
    service: string,
    target: number,
    range: { first: number; last: number },
    busy: ReadonlySet<number> = new Set(),
  ): { workerPort: number; isKnown: boolean } | undefined {
    const known = this.db.prepare('SELECT port FROM port WHERE lease = ? AND service = ? AND target = ?').get(lease, service, target)
    if (known && !busy.has(Number(known['port']))) return { workerPort: Number(known['port']), isKnown: true }
    const taken = new Set(
      this.db
        .prepare('SELECT port FROM port')
        .all()
        .map((row) => Number(row['port'])),
    )
    for (let port = range.first; port <= range.last; port++) {
      if (taken.has(port) || busy.has(port)) continue
      this.db
        .prepare(
          known
            ? 'UPDATE port SET port = ? WHERE lease = ? AND service = ? AND target = ?'
            : 'INSERT INTO port (port, lease, service, target) VALUES (?, ?, ?, ?)',
        )
        .run(port, lease, service, target)
      return { workerPort: port, isKnown: false }
    }
    return undefined
  }

  releasePorts(lease: Hex): void {
    this.db.prepare('DELETE FROM port WHERE lease = ?').run(lease)
  }

  setting(key: string): string | undefined {
    const row = this.db.prepare('SELECT value FROM setting WHERE key = ?').get(key)
    return row && String(row['value'])
  }

  saveSetting(key: string, value: string): void {
    this.db.prepare('INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)').run(key, value)
  }

  close(): void {
    this.db.close()
  }
}
