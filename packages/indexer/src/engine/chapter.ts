import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { AbiEvent, ContractEventName } from 'viem'
import type { Route } from '../api/route.ts'
import type { ChainEvent, Contract, EventOf } from './contract.ts'
import type { Rows } from './rows.ts'

/** A part of the index: what it reads, the tables it folds from that, and what it answers. */
export interface Chapter {
  name: string
  /** Higher than before when the same events make other rows: all tables are filled anew then. */
  version: number
  contracts: readonly Contract[]
  subjects: readonly Subject[]
  entities: readonly Entity[]
  logs: readonly Log[]
  handlers: readonly Handler[]
  routes: readonly Route[]
}

/** Something that events are about, such as a lease. */
export interface Subject {
  kind: string
  /** The argument of an event that names one; undefined where an event is about none. */
  argumentOf: (contract: string, event: AbiEvent) => string | undefined
}

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

/** What an event does to the rows of a chapter. */
export interface Handler {
  contract: string
  event: string
  /** The kind of subject whose rows it makes; undefined where it writes to logs alone. */
  subject: string | undefined
  /** Rows that it may read. */
  needs: (event: ChainEvent) => readonly Need[]
  apply: (event: ChainEvent, rows: Rows) => void
}

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

/**
 * Handlers of a contract's events, of which the arguments have the types of its ABI:
 * `on(MARKET, 'lease')('LeaseClosed', (event) => [[leases, event.args.id]], (event, rows) => …)`.
 */
export function on<C extends Contract>(contract: C, subject?: string) {
  return <Name extends ContractEventName<C['abi']>>(
    name: Name,
    needs: (event: EventOf<C, Name>) => readonly Need[],
    apply: (event: EventOf<C, Name>, rows: Rows) => void,
  ): Handler => ({
    contract: contract.name,
    event: name,
    subject,
    // The engine gives a handler the events of its contract and name, decoded by the contract's ABI.
    needs: needs as unknown as Handler['needs'],
    apply: apply as unknown as Handler['apply'],
  })
}
