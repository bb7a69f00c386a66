import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { getTableName, inArray } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { chunks } from '../database/chunks.ts'
import { insertRows } from '../database/insert.ts'
import type { Transaction } from '../database/open.ts'
import type { Entity, Log, Need, RowOf, Total } from './entity.ts'
import { addDifferences } from './totals.ts'

interface Known {
  entity: Entity
  rows: Map<string, object | undefined>
  /** Rows that changed, as they were before. */
  before: Map<string, object | undefined>
}

/** The rows that handlers read and write while a span of events is folded. */
export class Rows {
  /** The kind of subject whose rows may be written now. */
  folding: string | undefined
  /** Subjects whose answers change, by kind. */
  readonly noted = new Map<string, Set<string>>()
  private readonly entities = new Map<PgTable, Known>()
  private readonly logs = new Map<PgTable, object[]>()
  private readonly isRefold: boolean

  /** With `isRefold`, events from the first on are folded: no rows are there, and logs stay as they are. */
  constructor({ isRefold = false } = {}) {
    this.isRefold = isRefold
  }

  /** Says that a row will be read, before `load`. */
  want([entity, key]: Need): void {
    const { rows } = this.known(entity)
    if (!rows.has(key)) rows.set(key, undefined)
  }

  /** Reads what is wanted. */
  async load(tx: Transaction): Promise<void> {
    for (const { entity, rows } of this.entities.values()) {
      for (const some of chunks([...rows.keys()]))
        for (const row of await tx
          .select()
          .from(entity.table)
          .where(inArray(columnOf(entity), some)))
          rows.set(String(row[entity.key]), row)
    }
  }

  /** A row, or undefined where there is none yet. Throws if the handler didn't say that it needs it. */
  get<T extends PgTable>(entity: Entity<T>, key: string): RowOf<T> | undefined {
    const { rows } = this.known(entity)
    if (!this.isRefold && !rows.has(key))
      throw new CloisterError('bad-index', `A fold reads ${nameOf(entity, key)}, which it didn't ask for.`)
    // What a table's map holds was read from it or put there.
    return rows.get(key) as RowOf<T> | undefined
  }

  /** A row that has to be there. Throws `bad-index`. */
  require<T extends PgTable>(entity: Entity<T>, key: string): RowOf<T> {
    const row = this.get(entity, key)
    if (row === undefined)
      throw new CloisterError('bad-index', `An event is about ${nameOf(entity, key)}, which isn't there.`)
    return row
  }

  /** Writes a row, new or in place of the one with its key. */
  put<T extends PgTable>(entity: Entity<T>, row: RowOf<T>): void {
    // An entity's key is a text of its rows.
    const key = String((row as Record<string, unknown>)[entity.key])
    if (entity.subject !== this.folding)
      throw new CloisterError(
        'bad-index',
        `A fold of ${this.folding ?? 'logs'} writes ${nameOf(entity, key)}, which is folded by ${entity.subject}.`,
      )
    const known = this.known(entity)
    if (!known.before.has(key)) known.before.set(key, known.rows.get(key))
    known.rows.set(key, row)
  }

  /** Changes fields of a row that has to be there. Throws `bad-index`. */
  change<T extends PgTable>(
    entity: Entity<T>,
    key: string,
    by: (row: RowOf<T>) => Partial<RowOf<T>>,
  ): RowOf<T> {
    const row = this.require(entity, key)
    const changed = { ...row, ...by(row) }
    this.put(entity, changed)
    return changed
  }

  /** Says that a row was there and is deleted, unless it is put again. */
  drop<T extends PgTable>(entity: Entity<T>, row: RowOf<T>): void {
    const { rows, before } = this.known(entity)
    const key = String((row as Record<string, unknown>)[entity.key])
    before.set(key, row)
    rows.set(key, undefined)
  }

  /** Adds rows to a log. */
  add<T extends PgTable>(log: Log<T>, ...rows: RowOf<T>[]): void {
    if (!this.isRefold) this.added(log).push(...rows)
  }

  /** What this span has added to a log. */
  added<T extends PgTable>(log: Log<T>): RowOf<T>[] {
    let rows = this.logs.get(log.table)
    if (!rows) this.logs.set(log.table, (rows = []))
    // What a log's list holds was added to it.
    return rows as RowOf<T>[]
  }

  /** Says that answers about a subject change. */
  note(kind: string, id: string): void {
    const ids = this.noted.get(kind)
    if (ids) ids.add(id)
    else this.noted.set(kind, new Set([id]))
  }

  /** Writes all that changed, and what it changes in totals. */
  async flush(tx: Transaction, totals: readonly Total[], network: Network): Promise<void> {
    for (const { entity, rows, before } of this.entities.values()) {
      const after = [...before.keys()].map((key) => rows.get(key)).filter((row) => row !== undefined)
      await insertRows(tx, entity.table, after, columnOf(entity).name)
      for (const total of totals)
        if (total.of.table === entity.table) await addDifferences(tx, total, network, before.values(), after)
    }
    for (const [table, rows] of this.logs) {
      await insertRows(tx, table, rows)
      for (const total of totals)
        if (total.of.table === table) await addDifferences(tx, total, network, [], rows)
    }
  }

  private known(entity: Entity): Known {
    let known = this.entities.get(entity.table)
    if (!known) this.entities.set(entity.table, (known = { entity, rows: new Map(), before: new Map() }))
    return known
  }
}

function nameOf(entity: Entity, key: string): string {
  return `the ${getTableName(entity.table)} ${key}`
}

function columnOf({ table, key }: Entity): PgColumn {
  // An entity's key is a column of its table.
  return (table as unknown as Record<string, PgColumn>)[key] as PgColumn
}
