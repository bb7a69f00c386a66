import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Collector, DnsAccess, Manifest, RegistryLogin, Resources, ScrapeToken } from '@cloister/core'
import type { Image } from '@cloister/executors'
import type { Envelope } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { DomainStore } from './domains/domain-store.ts'
import { EndedLogs } from './ended-logs.ts'
import { ReceiptNumbers } from './receipts/receipt-numbers.ts'
import { GasBudget } from './transactions/gas-budget.ts'

/** A manifest as a worker runs it: what each image reference meant when it was accepted. */
export interface Accepted {
  hash: Hex
  manifest: Manifest
  images: Record<string, Image>
  /** Its sealed secrets. */
  envelope?: Envelope
  /** Digests of what it takes that came beside it. */
  sent?: string[]
}

/** What the worker knows of a lease it serves. Amounts are not kept here: the chain has them. */
export interface StoredLease {
  id: Hex
  tenant: Address
  state: 'open' | 'closed'
  /**
   * What it takes of the worker, reckoned from its room on chain when it was taken on or resized; manifests
   * have to fit into it.
   */
  resources: Omit<Resources, 'gpuModels'>
  /** The room on chain that `resources` were reckoned from, in decimal. */
  room?: string
  /** Since when what runs needs more than the lease has. Unix milliseconds. */
  outgrownSince?: number
  /** Sealed secrets as they were last handed over, for the next manifest. */
  envelope?: Envelope
  /** Logins at registries, for what is pulled from now on. */
  logins?: RegistryLogin[]
  /** Where its logs go, and from when on (Unix milliseconds). */
  collectors?: { list: Collector[]; since: number }
  /** How DNS is changed for its domains. */
  dns?: DnsAccess
  /** Tokens by which its metrics can be read. */
  scrapeTokens?: ScrapeToken[]
  /**
   * Digests of what its tenant said comes beside its manifest, and beside the one before, which may run on.
   */
  sent?: { now: string[]; before: string[] }
  /** Its containers stand still: for good, or until then (Unix milliseconds). */
  held?: { until?: number }
  /** Volumes that were staged whole, and that no container has yet. */
  staged?: string[]
  /** Manifest that runs. */
  running?: Accepted
  /** Manifest that was accepted and is not known to run yet. */
  next?: Omit<Accepted, 'images'>
  /** Hash of a manifest that failed to start and why; the one before it runs on. */
  failed?: { hash: Hex; reason: string }
  /** Minutes of notice that its tenant was promised; 0 or nothing for the market's notice period. */
  noticeMinutes?: number
  /** From when on this worker may close the lease, of which the tenant was told. Unix seconds. */
  noticeUntil?: number
  /** The notice whose commands (`onNotice`) have run. */
  onNoticeRun?: number
  /** Seconds of balance the tenant was last warned of. */
  warnedSeconds?: number
  /** The tenant's reading key (X25519), which what is left of the lease is sealed to. */
  reader?: Hex
  /** Once it is closed: its services that kept what they print from everybody. */
  silent?: string[]
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
/** Characters of leases that are held read, manifests and all. */
const CACHE_CHARACTERS = 64 * 1024 * 1024

/** What of an open lease everything that goes over all of them needs. */
export type OpenLease = Pick<StoredLease, 'id' | 'resources'>

/**
 * The agent's memory: SQLite, written through before anything is done on its strength. Only its own user may
 * read it, since manifests have secrets in them.
 *
 * Reading is cheap, whoever asks and however many leases there are: what open leases take is held in memory,
 * and a manifest is not parsed again for each request about it. Leases that are read are shared, and frozen:
 * `patchLease` changes them.
 */
export class Store {
  private readonly db: DatabaseSync
  private readonly open = new Map<Hex, OpenLease>()
  /** Those asked for last come last. */
  private readonly read = new Map<Hex, { lease: StoredLease; characters: number }>()
  private readCharacters = 0
  private readonly cacheCharacters: number
  readonly ended: EndedLogs
  readonly receipts: ReceiptNumbers
  readonly workloadGas: GasBudget
  readonly domains: DomainStore

  /** `cacheCharacters` of leases are held read. */
  constructor(path: string, cacheCharacters: number = CACHE_CHARACTERS) {
    this.cacheCharacters = cacheCharacters
    keepToOurselves(path)
    this.db = new DatabaseSync(path)
    this.db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, state TEXT NOT NULL, data TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS event_of_lease ON event (lease, id);
      CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, expiry INTEGER NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS nonce_by_expiry ON nonce (expiry);
      CREATE TABLE IF NOT EXISTS port (port INTEGER PRIMARY KEY, lease TEXT NOT NULL, service TEXT NOT NULL, target INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    `)
    this.ended = new EndedLogs(this.db)
    this.receipts = new ReceiptNumbers(this.db)
    this.workloadGas = new GasBudget(this.db)
    this.domains = new DomainStore(this.db)
    for (const row of this.db.prepare("SELECT data FROM lease WHERE state = 'open'").iterate()) {
      const { id, resources } = JSON.parse(String(row['data'])) as StoredLease
      this.open.set(id, { id, resources })
    }
  }

  /** What the open leases take; costs nothing to ask. */
  openLeases(): OpenLease[] {
    return [...this.open.values()]
  }

  /** A lease as it is kept; frozen. */
  lease(id: Hex): StoredLease | undefined {
    const held = this.read.get(id)
    if (held) {
      this.read.delete(id)
      this.read.set(id, held)
      return held.lease
    }
    const row = this.db.prepare('SELECT data FROM lease WHERE id = ?').get(id)
    return row && this.hold(JSON.parse(String(row['data'])) as StoredLease, String(row['data']).length)
  }

  saveLease(lease: StoredLease): void {
    const data = JSON.stringify(lease)
    this.db
      .prepare('INSERT OR REPLACE INTO lease (id, state, data) VALUES (?, ?, ?)')
      .run(lease.id, lease.state, data)
    if (lease.state === 'open') this.open.set(lease.id, { id: lease.id, resources: lease.resources })
    else this.open.delete(lease.id)
    this.hold(JSON.parse(data) as StoredLease, data.length)
  }

  /** Changes parts of a lease; returns what it is then. */
  patchLease(id: Hex, change: (lease: StoredLease) => void): StoredLease {
    const known = this.lease(id)
    if (!known) throw new Error(`no lease ${id}`)
    const lease = structuredClone(known)
    change(lease)
    this.saveLease(lease)
    return lease
  }

  /** Takes what was deleted off the disk, too: changes lie in a log beside the file for a while. */
  scrub(): void {
    this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  addEvent(lease: Hex, kind: string, message: string): LeaseEvent {
    const time = Date.now()
    const { lastInsertRowid } = this.db
      .prepare('INSERT INTO event (lease, time, kind, message) VALUES (?, ?, ?, ?)')
      .run(lease, time, kind, message)
    this.db
      .prepare(
        'DELETE FROM event WHERE lease = ? AND id <= (SELECT id FROM event WHERE lease = ? ORDER BY id DESC LIMIT 1 OFFSET ?)',
      )
      .run(lease, lease, EVENTS_KEPT)
    return { id: Number(lastInsertRowid), lease, time, kind, message }
  }

  events(lease: Hex, after: number): LeaseEvent[] {
    return this.db
      .prepare('SELECT id, lease, time, kind, message FROM event WHERE lease = ? AND id > ? ORDER BY id')
      .all(lease, after) as unknown as LeaseEvent[]
  }

  /**
   * Uses a nonce up; false if it was used before. Forgets those whose request would be refused as too old
   * anyway.
   */
  useNonce(nonce: string, expiry: number, nowSeconds: number): boolean {
    this.db.prepare('DELETE FROM nonce WHERE expiry < ?').run(nowSeconds)
    return (
      this.db.prepare('INSERT OR IGNORE INTO nonce (nonce, expiry) VALUES (?, ?)').run(nonce, expiry)
        .changes === 1
    )
  }

  /**
   * The worker's port for a service's port: the same every time, until `releasePorts`, unless it is `busy`;
   * then another one in its place. `isKnown` says that it was lent before. Undefined where none is left.
   */
  portFor(
    lease: Hex,
    service: string,
    target: number,
    range: { first: number; last: number },
    busy: ReadonlySet<number> = new Set(),
  ): { workerPort: number; isKnown: boolean } | undefined {
    const known = this.db
      .prepare('SELECT port FROM port WHERE lease = ? AND service = ? AND target = ?')
      .get(lease, service, target)
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

  private hold(lease: StoredLease, characters: number): StoredLease {
    this.readCharacters += characters - (this.read.get(lease.id)?.characters ?? 0)
    this.read.delete(lease.id)
    this.read.set(lease.id, { lease: freeze(lease), characters })
    for (const [id, oldest] of this.read) {
      if (this.readCharacters <= this.cacheCharacters || id === lease.id) break
      this.read.delete(id)
      this.readCharacters -= oldest.characters
    }
    return lease
  }
}

/**
 * Makes the file and what SQLite puts beside it readable by nobody else, also where an earlier version left
 * them open.
 */
function keepToOurselves(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives the files beside it the rights of the first.
  closeSync(openSync(path, 'a', 0o600))
  for (const file of ['', '-wal', '-shm', '-journal'].map((end) => path + end))
    if (existsSync(file)) chmodSync(file, 0o600)
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
