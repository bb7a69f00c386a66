import type { Network } from '@cloister/chain'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'

/** A table with a row for each key, which later events change. */
export interface Entity<T extends PgTable = PgTable> {
  table: T
  /** Field of the row that is its primary key. */
  key: string
  /** The kind of subject whose events make its rows, and the column that holds which one. */
  subject: string
  column: PgColumn
}

/** A table whose rows are written once, by the event in the same place (`block`, `logIndex`). */
export interface Log<T extends PgTable = PgTable> {
  table: T
  block: PgColumn
}

/** A row of an entity. */
export type RowOf<T extends PgTable> = T['$inferSelect']

/** A row that a handler reads. */
export type Need = readonly [entity: Entity, key: string]

/** A table whose rows change, with the subject whose events make them. */
export function entity<T extends PgTable>(
  table: T,
  { key, subject, column }: { key: keyof RowOf<T> & string; subject: string; column: PgColumn },
): Entity<T> {
  return { table, key, subject, column }
}

/** A table whose rows stay as they were written, until a reorganisation takes their block back. */
export function log<T extends PgTable & { block: PgColumn }>(table: T): Log<T> {
  return { table, block: table.block }
}

/** What the rows of an entity or a log add up to, kept by the differences that changes make. */
export interface Total<T extends PgTable = PgTable> {
  table: PgTable
  of: Entity<T> | Log<T>
  /** Field of its rows that is the primary key. */
  key: string
  /** Fields that are added up; the others are the same in all rows of a key. */
  adds: readonly string[]
  /** What one row adds on a network; undefined where that is nothing. */
  partOf: (row: RowOf<T>, network: Network) => Record<string, unknown> | undefined
}

/** A table of what the rows of `of` add up to by `key`. */
export function total<S extends PgTable, T extends PgTable>(
  table: S,
  of: Entity<T> | Log<T>,
  { key, adds }: { key: keyof RowOf<S> & string; adds: readonly (keyof RowOf<S> & string)[] },
  partOf: (row: RowOf<T>, network: Network) => RowOf<S> | undefined,
): Total {
  // The engine gives it rows of `of`.
  return { table, of, key, adds, partOf: partOf as unknown as Total['partOf'] }
}
