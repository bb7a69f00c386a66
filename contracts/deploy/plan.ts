/**
 * A deployment as data: contracts in the order they are deployed in, what is done to them afterwards, and
 * who may do what once that is done. `run.ts` makes it true, `check.ts` reads it back from the chain.
 */
export interface Plan {
  contracts: readonly PlannedContract[]
  /** The Safe that owns it, as `safe` among the contracts. */
  safe?: PlannedSafe
  steps: readonly Step[]
  /** What views of the contracts answer afterwards. Every view that names an account has to be among them. */
  facts: readonly Fact[]
  /** Values of this network, by the names that `given` asks for; whoever runs the plan may give more. */
  values: Readonly<Record<string, Value>>
}

/** One contract. */
interface PlannedContract {
  /** What other contracts and the network's description call it. */
  name: string
  /** Its name in Solidity. */
  contract: string
  /** Its constructor's arguments. */
  args: readonly Value[]
}

/**
 * A Safe (see safe.ts): an account that does what its modules tell it. It is created and given its modules in
 * one transaction, and its address follows from what it begins with.
 */
export interface PlannedSafe {
  /** A contract that can't sign, and never calls the Safe as an owner. */
  owner: Contract
  /** Contracts that may make it call anything. */
  modules: readonly Contract[]
}

/** Something that the deployer does once all contracts are there. */
export type Step =
  | { to: string; function: string; args: readonly Value[] }
  /** Ether, in wei. */
  | { to: string; wei: bigint }

/** An answer that a view of a contract has to give. */
export interface Fact {
  of: string
  view: string
  args: readonly Value[]
  is: Value
}

/** The address of a contract of the plan. */
export interface Contract {
  contract: string
}

/**
 * The address of an account that whoever runs the plan names, by what it is there. `deployer` is whoever
 * runs it.
 */
export interface Account {
  account: string
}

/** A value that depends on the network. */
export interface Given {
  given: string
}

/** An argument: as it is, or a reference, also inside of lists and structs. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Contract
  | Account
  | Given
  | readonly Value[]
  | { readonly [field: string]: Value }

export const contract = (name: string): Contract => ({ contract: name })
export const account = (name: string): Account => ({ account: name })
export const given = (name: string): Given => ({ given: name })

/** What several views of one contract answer, none of which takes arguments. */
export function factsOf(of: string, answers: Readonly<Record<string, Value>>): Fact[] {
  return Object.entries(answers).map(([view, is]) => ({ of, view, args: [], is }))
}
