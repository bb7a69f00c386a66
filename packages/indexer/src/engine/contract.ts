import type { Network } from '@cloister/chain'
import type { Abi, AbiEvent, Address, ContractEventArgsFromTopics, ContractEventName, Hex } from 'viem'

/** A contract whose events are read. */
export interface Contract<Name extends string = string, A extends Abi = Abi> {
  name: Name
  abi: A
  /** Its address; undefined where a network has no such contract. */
  at: (network: Network) => Address | undefined
  /** Events that are not read. */
  without?: readonly string[]
}

/** An event as a contract emitted it, decoded by the contract's ABI. */
export interface ChainEvent<Name extends string = string, Args = Record<string, unknown>> {
  /** The contract's name in the index, not its address. */
  contract: string
  name: Name
  args: Args
  block: number
  logIndex: number
  /** When its block was made, Unix seconds. */
  time: number
  transaction: Hex
}

/** The event of a name that a contract emits. With several names, a union to tell apart by `name`. */
export type EventOf<C extends Contract, Name extends ContractEventName<C['abi']>> = Name extends unknown
  ? ChainEvent<Name, ContractEventArgsFromTopics<C['abi'], Name, true>>
  : never

/** The events of a contract that are read. */
export function eventsOf({ abi, without = [] }: Contract): AbiEvent[] {
  return abi.filter((item) => item.type === 'event').filter(({ name }) => !without.includes(name))
}
