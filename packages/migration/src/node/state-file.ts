import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { CloisterError } from '@cloister/core'
import type { ChainState } from '../state/chain-state.ts'

/** What a file is of, and how far it has come. */
export interface Origin {
  /** The block's hash, or the name of the file it was taken from. */
  source: string
}

/**
 * All that a file has. One from elsewhere could have a view in a table's place, which gives something else to
 * who counts than it gave to who proved.
 */
const TABLES = [
  'fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
  'pair (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID',
]

/** The state of a chain in a file (SQLite), which grows page by page. A page is in it whole or not at all. */
export class StateFile implements ChainState {
  private readonly db: DatabaseSync
  private readonly insert: StatementSync
  private readonly find: StatementSync
  private readonly range: StatementSync
  private readonly rest: StatementSync

  /**
   * Opens a file or makes one. Throws `exists` where it is of something else than `source`, and `bad-file`
   * where it is none.
   */
  constructor(path: string, { source }: Origin) {
    try {
      this.db = new DatabaseSync(path)
      this.db.exec(
        `PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        ${TABLES.map((table) => `CREATE TABLE IF NOT EXISTS ${table}`).join('; ')}`,
      )
      const schema = this.db
        .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name')
        .all()
      if (schema.map(({ sql }) => sql).join() !== TABLES.map((table) => `CREATE TABLE ${table}`).join())
        throw new Error('It has other tables.')
    } catch (cause) {
      throw new CloisterError('bad-file', `${path} can not be opened as a state.`, {
        hint: 'Name another folder, or delete that file.',
        cause,
      })
    }
    this.insert = this.db.prepare('INSERT INTO pair (key, value) VALUES (?, ?)')
    this.find = this.db.prepare('SELECT value FROM pair WHERE key = ?')
    this.range = this.db.prepare('SELECT key, value FROM pair WHERE key >= ? AND key < ? ORDER BY key')
    this.rest = this.db.prepare('SELECT key, value FROM pair WHERE key >= ? ORDER BY key')
    const before = this.fact('source')
    if (before === undefined) this.note('source', source)
    else if (before !== source) {
      this.db.close()
      throw new CloisterError('exists', `${path} is the state of another block, ${before}.`, {
        hint: 'Name another folder.',
      })
    }
  }

  /** The last key there is. */
  get last(): Uint8Array | undefined {
    const row = this.db.prepare('SELECT key FROM pair ORDER BY key DESC LIMIT 1').get()
    return row?.['key'] as Uint8Array | undefined
  }

  get count(): number {
    return Number(this.db.prepare('SELECT count(*) AS count FROM pair').get()?.['count'])
  }

  /** Whether the end was reached. */
  get isWhole(): boolean {
    return this.fact('whole') === 'yes'
  }

  /** Adds pairs, all or none. Throws `bad-answer` for a key that there is. */
  add(pairs: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    this.db.exec('BEGIN')
    try {
      for (const [key, value] of pairs) this.insert.run(key, value)
      this.db.exec('COMMIT')
    } catch (cause) {
      this.db.exec('ROLLBACK')
      throw new CloisterError('bad-answer', 'A key came twice, or the state could not be written.', { cause })
    }
  }

  /** Notes that there is no more to come. */
  finish(): void {
    this.note('whole', 'yes')
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.find.get(key)?.['value'] as Uint8Array | undefined
  }

  *entries(prefix: Uint8Array): Iterable<readonly [Uint8Array, Uint8Array]> {
    const end = behind(prefix)
    const rows = end ? this.range.iterate(prefix, end) : this.rest.iterate(prefix)
    for (const { key, value } of rows) yield [key as Uint8Array, value as Uint8Array]
  }

  close(): void {
    this.db.close()
  }

  private fact(name: string): string | undefined {
    const row = this.db.prepare('SELECT value FROM fact WHERE name = ?').get(name)
    return row && String(row['value'])
  }

  private note(name: string, value: string): void {
    this.db.prepare('INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)').run(name, value)
  }
}

/** The first key that does not begin with `prefix` and comes behind all that do; none behind 0xff… */
function behind(prefix: Uint8Array): Uint8Array | undefined {
  const end = Uint8Array.from(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0
    if (byte === 0xff) continue
    end[at] = byte + 1
    return end.subarray(0, at + 1)
  }
  return undefined
}
