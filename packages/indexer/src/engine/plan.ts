import type { Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type AbiEvent, type Address, type Hex, keccak256, stringToHex, toEventSelector } from 'viem'
import { revive } from './args.ts'
import { type ChainEvent, type Contract, eventsOf } from './contract.ts'
import { type Decode, decoderOf } from './decode.ts'
import type { Entity, Log, Total } from './entity.ts'
import type { Folding, Handler } from './folding.ts'
import type { event } from './tables.ts'

/** An event of a contract, and what is done about it. */
export interface Listening {
  contract: string
  event: AbiEvent
  decode: Decode
  /** Kinds of subject it is about, each with the argument that names one. */
  subjects: { kind: string; argument: string }[]
  handlers: Handler[]
}

/** What an event is about. */
export interface SubjectOf {
  kind: string
  id: string
}

/** What the engine does, put together from the chapters. */
export class Plan {
  readonly addresses: Address[]
  readonly selectors: Hex[]
  readonly entities: Entity[]
  readonly logs: Log[]
  readonly totals: Total[]
  readonly network: Network
  /** Names the contracts and the chapters with their versions: tables of another identity are filled anew. */
  readonly identity: Hex
  /** Every event that is read. */
  readonly listened: readonly Listening[]
  private readonly byName = new Map<string, Listening>()
  private readonly byLog = new Map<string, Listening>()

  /** Throws `bad-index` where two differ about a contract, or one handles what isn't read. */
  constructor(chapters: readonly Folding[], network: Network) {
    this.network = network
    this.entities = chapters.flatMap(({ entities }) => entities)
    this.logs = chapters.flatMap(({ logs }) => logs)
    this.totals = chapters.flatMap(({ totals = [] }) => totals)
    const contracts = contractsOf(chapters)
    const subjects = chapters.flatMap((chapter) => chapter.subjects)
    const addresses = new Map<string, Address>()
    for (const contract of contracts) {
      const address = contract.at(network)
      if (address) addresses.set(contract.name, address)
      for (const item of eventsOf(contract)) {
        const listening: Listening = {
          contract: contract.name,
          event: item,
          decode: decoderOf(item),
          subjects: subjects.flatMap(({ kind, argumentOf }) => {
            const argument = argumentOf(contract.name, item)
            return argument === undefined ? [] : [{ kind, argument }]
          }),
          handlers: [],
        }
        this.byName.set(`${contract.name}.${item.name}`, listening)
        if (address) this.byLog.set(logKey(address, toEventSelector(item)), listening)
      }
    }
    for (const handler of chapters.flatMap(({ handlers }) => handlers))
      this.listening(handler).handlers.push(handler)
    this.listened = [...this.byName.values()]
    this.addresses = [...addresses.values()]
    this.selectors = [...new Set(this.listened.map(({ event }) => toEventSelector(event)))]
    const versions = chapters.map(({ name, version }) => [name, version])
    this.identity = keccak256(stringToHex(JSON.stringify([[...addresses], versions])))
  }

  /** What is done about a log; undefined where nothing reads it. */
  ofLog(address: string, selector: string | undefined): Listening | undefined {
    return selector === undefined ? undefined : this.byLog.get(logKey(address, selector))
  }

  /** What is done about an event. Throws `bad-index` where no chapter reads such a one. */
  of({ contract, name }: { contract: string; name: string }): Listening {
    return this.listening({ contract, event: name })
  }

  /** What an event is about. */
  subjectsOf(event: ChainEvent): SubjectOf[] {
    return this.of(event).subjects.map(({ kind, argument }) => ({ kind, id: String(event.args[argument]) }))
  }

  /** An event as it was decoded, out of its row. Throws `bad-index`. */
  revive({ args, transaction, ...row }: typeof event.$inferSelect): ChainEvent {
    // A transaction's hash was written as one.
    return { ...row, transaction: transaction as Hex, args: revive(this.of(row).event, args) }
  }

  /** Handlers that make the rows of a kind of subject, by contract and event. */
  handlersOf(kind: string): Handler[] {
    return this.listened.flatMap(({ handlers }) => handlers.filter(({ subject }) => subject === kind))
  }

  private listening({ contract, event }: { contract: string; event: string }): Listening {
    const found = this.byName.get(`${contract}.${event}`)
    if (!found) throw new CloisterError('bad-index', `No chapter reads the event ${event} of ${contract}.`)
    return found
  }
}

/** The contracts of all chapters, each once. */
function contractsOf(chapters: readonly Folding[]): Contract[] {
  const found = new Map<string, Contract>()
  for (const contract of chapters.flatMap(({ contracts }) => contracts)) {
    const known = found.get(contract.name)
    if (known && known !== contract)
      throw new CloisterError('bad-index', `Two contracts are called ${contract.name}.`)
    found.set(contract.name, contract)
  }
  return [...found.values()]
}

function logKey(address: string, selector: string): string {
  return `${address.toLowerCase()} ${selector}`
}
