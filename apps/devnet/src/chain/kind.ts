import { CHAIN_ARGUMENTS, LAYER2_ARGUMENTS } from '@cloister/development/chain'
import { developmentGenesis } from '@cloister/development/genesis'

/** File in layer 1's folder with the address of the contract that takes proofs, once it is there. */
export const ORACLE_FILE = 'oracle'

/** What kind of chain an engine is to be. */
export interface ChainKind {
  chainId: number
  /** What anvil is started with. */
  arguments: readonly string[]
  /** Blocks whose state can be asked for. More than needed cost memory: each is a copy of everything. */
  statesKept: number
  /** The first block, for `anvil --init`, by its time (Unix seconds); anvil's own where it is absent. */
  genesis?: (time: number) => string
}

/** The network's chain, alone. */
export const ALONE: ChainKind = {
  chainId: 31337,
  arguments: CHAIN_ARGUMENTS,
  statesKept: 24,
  genesis: (time) => developmentGenesis(31337, time),
}

/** A layer 2 of the OP Stack. Withdrawals are proved by the states of the last minutes. */
export const LAYER2: ChainKind = { chainId: 31337, arguments: LAYER2_ARGUMENTS, statesKept: 150 }
