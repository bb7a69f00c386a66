import type { AbiEvent, ContractEventName } from 'viem'
import type { ChainEvent, Contract, EventOf } from './contract.ts'
import type { Entity, Log, Need, Total } from './entity.ts'
import type { Rows } from './rows.ts'

/** What the engine has of a chapter: what it reads, and the tables it folds from that. */
export interface Folding {
  name: string
  /** Higher than before when the same events make other rows: all tables are filled anew then. */
  version: number
  contracts: readonly Contract[]
  subjects: readonly Subject[]
  entities: readonly Entity[]
  logs: readonly Log[]
  totals?: readonly Total[]
  handlers: readonly Handler[]
}

/** Something that events are about, such as a lease. */
export interface Subject {
  kind: string
  /** The argument of an event that names one; undefined where an event is about none. */
  argumentOf: (contract: string, event: AbiEvent) => string | undefined
}

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
